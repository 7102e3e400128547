"use strict";
// Two commands for measurements: stand still, and say what every variable holds.

async function install({ farm, commands }) {
  commands.hold = async () => farm.stop();
  commands.values = async ({ names }) => ({
    values: names.map((name) => farm.node(name).readValue().value.value),
  });
}

module.exports = { install };
