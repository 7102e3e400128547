// Alarms for the node-opcua server: options.extras = ["alarms.js"], options.alarms = {points: 3}.
//
// TK-001.LevelAlarm   an exclusive level alarm of TK-001.Level (2, 4, 14, 18 m) WITH branches: when it clears before it
//                     was acknowledged, that occurrence lives on as a branch. It can be confirmed and shelved.
// P-0001.Fault ...    as many alarms as options.alarms.points, WITHOUT branches: cleared unacknowledged they stay.
//
// Commands: raise {number, count, active, severity, message, quality}: from that number on, that many of them; also in one go.
//           conditions {}: what is there; acks {}: who acknowledged what with which comment.
//           forget {number}: the condition loses its retain flag without an event; require_refresh {}.
"use strict";

async function install({ addressSpace, namespace, opcua, options, farm, commands }) {
  addressSpace.installAlarmsAndConditionsService();
  const server = addressSpace.rootFolder.objects.server;
  const wanted = { points: 0, ...(options.alarms || {}) };
  const acks = [];

  function note(alarm) {
    alarm.on("acknowledged", (eventId, comment) => acks.push({ alarm: alarm.browseName.name, comment: comment?.text ?? "" }));
    alarm.on("confirmed", (eventId, comment) => acks.push({ alarm: alarm.browseName.name, confirmed: true, comment: comment?.text ?? "" }));
  }

  // --- with branches ------------------------------------------------------------------------------------------------
  const unit = farm.units["TK-001"];
  unit.setEventNotifier(1);
  server.addReference({ referenceType: "HasNotifier", nodeId: unit.nodeId });
  const level = farm.node("TK-001.Level");
  unit.addReference({ referenceType: "HasEventSource", nodeId: level.nodeId });
  const levelAlarm = namespace.instantiateExclusiveLimitAlarm("ExclusiveLevelAlarmType", {
    browseName: "LevelAlarm",
    nodeId: "s=TK-001.LevelAlarm",
    componentOf: unit,
    conditionName: "Level",
    conditionSource: level,
    inputNode: level,
    lowLowLimit: 2,
    lowLimit: 4,
    highLimit: 14,
    highHighLimit: 18,
    optionals: ["ConfirmedState", "Confirm", "ShelvingState", "ShelvingState.UnshelveTime"],
  });
  levelAlarm.shelvingState.setState("Unshelved");
  note(levelAlarm);

  // --- without branches ---------------------------------------------------------------------------------------------
  const folder = namespace.addObject({
    organizedBy: farm.folder,
    browseName: "Points",
    nodeId: "s=Points",
    notifierOf: server,
    eventNotifier: 1,
  });
  const points = [];
  for (let number = 1; number <= wanted.points; number++) {
    const name = `P-${String(number).padStart(4, "0")}`;
    const source = namespace.addObject({ componentOf: folder, browseName: name, nodeId: `s=${name}`, eventSourceOf: folder });
    const alarm = namespace.instantiateAlarmCondition("AlarmConditionType", {
      browseName: `${name}.Fault`,
      nodeId: `s=${name}.Fault`,
      componentOf: folder,
      conditionName: "Fault",
      conditionSource: source,
      inputNode: opcua.NodeId.nullNodeId,
    });
    note(alarm);
    points.push(alarm);
  }

  commands.raise = async ({ number = 1, count = 1, active = true, severity = 500, message = "a fault", quality = "Good" }) => {
    for (const alarm of points.slice(number - 1, number - 1 + count)) {
      if (active) alarm.activateAlarm();
      else alarm.deactivateAlarm(alarm.currentBranch().getAckedState() === false);
      alarm.raiseNewCondition({ severity, message, retain: alarm.currentBranch().getRetain(), quality: opcua.StatusCodes[quality] });
    }
  };
  commands.forget = async ({ number = 1 }) => points[number - 1].currentBranch().setRetain(false);
  commands.acks = async () => ({ acks });
  commands.require_refresh = async () => server.raiseEvent("RefreshRequiredEventType", { message: { value: { text: "again" }, dataType: "LocalizedText" } });
}

module.exports = { install };
