// The farm of the node-opcua server: tanks with changing analog values, a pump to act on, a history, odd things.
"use strict";

const FIELDS = ["Level", "Temp", "Pressure", "Density", "TOV", "GOV", "GSV", "Flow", "Water", "Ullage"];
const ANSWER_AFTER = 3000; // ms
const METRE = 5067858; // UNECE code of the metre (OPC 10000-8, 5.6.4.3)

async function buildFarm({ addressSpace, namespace, opcua, options }) {
  const { DataType, StatusCodes, Variant } = opcua;
  const counts = { writes: {}, calls: {} };
  const nodes = new Map();
  const units = {};
  const folder = namespace.addFolder(addressSpace.rootFolder.objects, { browseName: "Farm", nodeId: "s=Farm" });

  function keep(name, node) {
    nodes.set(name, node);
    return node;
  }

  function set(name, value, { status, time, type } = {}) {
    const node = nodes.get(name);
    const dataType = type ? DataType[type] : node.dataValue?.value?.dataType || DataType.Double;
    const code = status ? StatusCodes[status] : StatusCodes.Good;
    node.setValueFromSource(new Variant({ dataType, value }), code, time === undefined ? new Date() : new Date(time));
  }

  // --- tanks: 10 changing variables each ---------------------------------------------------------------------
  const moving = [];
  for (let tank = 1; tank <= Math.max(options.tanks, 1); tank++) {
    const id = `TK-${String(tank).padStart(3, "0")}`;
    const unit = (units[id] = namespace.addObject({ organizedBy: folder, browseName: id, nodeId: `s=${id}` }));
    for (const field of FIELDS) {
      const name = `${id}.${field}`;
      const node = namespace.addAnalogDataItem({
        componentOf: unit,
        browseName: field,
        nodeId: `s=${name}`,
        description: `${field} of ${id}`,
        dataType: "Double",
        engineeringUnitsRange: { low: 0, high: 20 },
        engineeringUnits: {
          namespaceUri: "http://www.opcfoundation.org/UA/units/un/cefact",
          unitId: METRE,
          displayName: { text: "m" },
          description: { text: "metre" },
        },
        value: { dataType: "Double", value: 10 },
      });
      node.minimumSamplingInterval = 100;
      keep(name, node);
      if (tank <= options.tanks) moving.push(node);
    }
  }
  let step = 0;
  const timer = moving.length
    ? setInterval(() => {
        step += 1;
        const now = new Date();
        moving.forEach((node, i) => {
          const value = 10 + Math.sin((step + i) / 7) * 5 + step * 1e-6;
          node.setValueFromSource(new Variant({ dataType: DataType.Double, value }), StatusCodes.Good, now);
        });
      }, options.change_ms)
    : undefined;

  // --- a pump: a setpoint, a method, and one value of every type ---------------------------------------------
  const pump = (units["P-101"] = namespace.addObject({ organizedBy: folder, browseName: "P-101", nodeId: "s=P-101" }));

  function writable(name, dataType, value, more = {}) {
    const held = { value };
    counts.writes[name] = 0;
    const add = more.range ? "addAnalogDataItem" : "addVariable";
    const range = more.range ? { engineeringUnitsRange: { low: more.range[0], high: more.range[1] } } : {};
    const node = namespace[add]({
      componentOf: pump,
      browseName: name.split(".").pop(),
      nodeId: `s=${name}`,
      dataType: more.dataTypeNode || dataType,
      ...range,
      ...(more.attributes || {}),
    });
    node.bindVariable(
      {
        get: () => new Variant({ dataType: DataType[dataType], arrayType: more.arrayType || opcua.VariantArrayType.Scalar, value: held.value }),
        set: (variant) => {
          counts.writes[name] += 1;
          if (more.refuse) return StatusCodes[more.refuse];
          held.value = variant.value;
          return StatusCodes.Good;
        },
      },
      true,
    );
    node.minimumSamplingInterval = 100;
    return keep(name, node);
  }

  writable("P-101.SP", "Double", 60, { range: [20, 110] });
  const types = {
    Boolean: false, SByte: 0, Byte: 0, Int16: 0, UInt16: 0, Int32: 0, UInt32: 0, Int64: 0, UInt64: 0, Float: 0, Double: 0,
    String: "",
  };
  for (const [type, value] of Object.entries(types)) {
    const zero = type.endsWith("64") ? [0, 0] : value;
    writable(`Types.${type}`, type, zero);
  }
  writable("Types.Refusing", "Double", 0, { refuse: "BadOutOfRange" });
  // Takes the value at once and answers three seconds later: whoever does not wait so long cannot know.
  const slow = { value: 0 };
  counts.writes["Types.Slow"] = 0;
  const slowNode = namespace.addVariable({
    componentOf: pump, browseName: "Slow", nodeId: "s=Types.Slow", dataType: "Double", minimumSamplingInterval: 100,
  }); // prettier-ignore
  slowNode.bindVariable(
    {
      timestamped_get: () =>
        new opcua.DataValue({ value: { dataType: DataType.Double, value: slow.value }, sourceTimestamp: new Date() }),
      timestamped_set: (dataValue, callback) => {
        counts.writes["Types.Slow"] += 1;
        slow.value = dataValue.value.value;
        setTimeout(() => callback(null, StatusCodes.Good), ANSWER_AFTER);
      },
    },
    true,
  );
  keep("Types.Slow", slowNode);
  writable("Types.Blob", "ByteString", Buffer.from("x"));
  writable("Types.Array", "Double", new Float64Array([1, 2]), {
    arrayType: opcua.VariantArrayType.Array,
    attributes: { valueRank: 1 },
  });
  writable("Types.ReadOnly", "Double", 5, { attributes: { accessLevel: "CurrentRead", userAccessLevel: "CurrentRead" } });
  writable("Types.NotMine", "Double", 5, {
    attributes: { accessLevel: "CurrentRead | CurrentWrite", userAccessLevel: "CurrentRead" },
  });
  // An enumeration: the node's type is one of the server's own, derived from Enumeration, and travels as Int32.
  const modes = namespace.addEnumerationType({ browseName: "PumpMode", enumeration: ["Local", "Remote", "Off"] });
  writable("P-101.Mode", "Int32", 0, { dataTypeNode: modes.nodeId });

  const running = { value: false };
  const run = namespace.addVariable({
    componentOf: pump, browseName: "Run", nodeId: "s=P-101.Run", dataType: "Boolean",
    value: { get: () => new Variant({ dataType: DataType.Boolean, value: running.value }) },
    minimumSamplingInterval: 100,
  }); // prettier-ignore
  keep("P-101.Run", run);
  for (const [name, becomes] of [["Start", true], ["Stop", false]]) {
    counts.calls[name] = 0;
    const method = namespace.addMethod(pump, { browseName: name, nodeId: `s=P-101.${name}` });
    method.bindMethod((_in, _context, callback) => {
      counts.calls[name] += 1;
      running.value = becomes;
      callback(null, { statusCode: StatusCodes.Good });
    });
  }
  counts.calls.Slow = 0;
  const slowly = namespace.addMethod(pump, { browseName: "Slowly", nodeId: "s=P-101.Slowly" });
  slowly.bindMethod((_in, _context, callback) => {
    counts.calls.Slow += 1;
    setTimeout(() => callback(null, { statusCode: StatusCodes.Good }), ANSWER_AFTER);
  });
  counts.calls.SetSpeed = [];
  const speed = namespace.addMethod(pump, {
    browseName: "SetSpeed",
    nodeId: "s=P-101.SetSpeed",
    inputArguments: [{ name: "Speed", dataType: DataType.UInt16, valueRank: -1 }],
  });
  speed.bindMethod((args, _context, callback) => {
    counts.calls.SetSpeed.push(args[0].value);
    callback(null, { statusCode: args[0].value > 3000 ? StatusCodes.BadOutOfRange : StatusCodes.Good });
  });

  // --- history -----------------------------------------------------------------------------------------------
  const past = { from: 0, samples: 0 };
  if (options.history) {
    // Starts on a full minute, so that a test knows what is in which bucket: one sample a second, a spike at 100.
    past.samples = options.history;
    past.from = Math.floor((Date.now() - options.history * 1000) / 60000) * 60000;
    for (const name of ["Hist.Both", "Hist.RawOnly"]) {
      const node = namespace.addAnalogDataItem({
        organizedBy: folder, browseName: name, nodeId: `s=${name}`, dataType: "Double",
        engineeringUnitsRange: { low: 0, high: 2000 },
      }); // prettier-ignore
      addressSpace.installHistoricalDataNode(node, { maxOnlineValues: options.history + 10 });
      keep(name, node);
      for (let i = 0; i < options.history; i++) {
        const at = new Date(past.from + i * 1000);
        const value = { dataType: DataType.Double, value: i === 100 ? 1000 : i % 60 };
        const status = i === 130 ? StatusCodes.BadSensorFailure : StatusCodes.Good;
        node._historyPush(
          new opcua.DataValue({ value, statusCode: status, sourceTimestamp: at, serverTimestamp: at }),
        );
      }
      if (name === "Hist.Both" && options.aggregates) {
        opcua.addAggregateSupport(addressSpace);
        opcua.installAggregateConfigurationOptions(node, { treatUncertainAsBad: false, stepped: false });
      }
    }
  }

  // --- odd things --------------------------------------------------------------------------------------------
  const odd = namespace.addFolder(folder, { browseName: "Odd; =\"<things>", nodeId: "s=Odd" });
  odd.addReference({ referenceType: "Organizes", nodeId: folder.nodeId }); // a loop
  for (const [name, nodeId, browseName] of [
    ["Odd.Strange", "s=Odd.Strange", "Strange"],
    ["Odd.Awkward", 's=odd;s="é"/x', 'a;b="<é>'],
  ]) {
    const node = namespace.addVariable({
      organizedBy: odd, browseName, nodeId, dataType: "Double",
      value: { dataType: "Double", value: 1 }, minimumSamplingInterval: 100,
    }); // prettier-ignore
    keep(name, node);
  }
  const text = namespace.addVariable({
    organizedBy: odd, browseName: "Text", nodeId: "s=Odd.Text", dataType: "String",
    value: { dataType: "String", value: "hello" }, minimumSamplingInterval: 100,
  }); // prettier-ignore
  keep("Odd.Text", text);
  if (options.crowd) {
    const crowd = namespace.addFolder(folder, { browseName: "Crowd", nodeId: "s=Crowd" });
    for (let i = 0; i < options.crowd; i++) {
      namespace.addVariable({
        organizedBy: crowd, browseName: `V${i}`, nodeId: `i=${100000 + i}`, dataType: "Double",
        value: { dataType: "Double", value: i },
      }); // prettier-ignore
    }
  }

  return { folder, units, counts, past, set, node: (name) => nodes.get(name), stop: () => clearInterval(timer) };
}

module.exports = { buildFarm };
