"""The plant's address space: Objects/Plant/<area>/<tank>/<variable>, with the facts that an AnalogItem carries."""

from __future__ import annotations

from typing import Any

from asyncua import Server, ua

from relay_bridge.simulator.farm import PUMP, PUMP_MODES, TANKS, VARIABLES, Variable

UNECE = "http://www.opcfoundation.org/UA/units/un/cefact"
_TYPES = {
    "number": (ua.VariantType.Double, ua.ObjectIds.Double, ua.ObjectIds.AnalogItemType),
    "text": (ua.VariantType.String, ua.ObjectIds.String, ua.ObjectIds.DataItemType),
    "bool": (ua.VariantType.Boolean, ua.ObjectIds.Boolean, ua.ObjectIds.DataItemType),
    "enum": (ua.VariantType.UInt32, ua.ObjectIds.UInt32, ua.ObjectIds.MultiStateDiscreteType),
}
_FIRST_VALUE: dict[str, Any] = {"number": 0.0, "text": "", "bool": False, "enum": 0}


def variant_type(variable: Variable) -> ua.VariantType:
    return _TYPES[variable.kind][0]


def unit_information(variable: Variable) -> ua.EUInformation:
    """EUInformation by UNECE Recommendation 20: the id is the code's characters as one number (OPC 10000-8, 5.6.3)."""
    unit_id = int.from_bytes(variable.unit_code.encode("ascii"), "big")
    return ua.EUInformation(UNECE, unit_id, ua.LocalizedText(variable.unit), ua.LocalizedText(variable.unit))


async def build(server: Server, namespace: int) -> None:
    """Create every folder, tank and variable; they get their values from the first tick."""
    space = _Space(server, namespace)
    await space.folder(ua.NodeId(ua.ObjectIds.ObjectsFolder), "Plant", "Plant")
    plant = space.id("Plant")
    for area in dict.fromkeys(tank.area for tank in TANKS):
        await space.folder(plant, area, area)
    for tank in TANKS:
        await space.object(space.id(tank.area), tank.id, tank.id)
    await space.object(plant, PUMP, PUMP)
    for variable in VARIABLES.values():
        await space.variable(variable)


class _Space:
    def __init__(self, server: Server, namespace: int) -> None:
        self._session = server.iserver.isession
        self._namespace = namespace

    def id(self, identifier: str) -> ua.NodeId:
        return ua.NodeId(identifier, self._namespace)

    async def folder(self, parent: ua.NodeId, identifier: str, name: str) -> None:
        await self._object(parent, identifier, name, ua.ObjectIds.Organizes, ua.ObjectIds.FolderType)

    async def object(self, parent: ua.NodeId, identifier: str, name: str) -> None:
        await self._object(parent, identifier, name, ua.ObjectIds.Organizes, ua.ObjectIds.BaseObjectType)

    async def _object(self, parent: ua.NodeId, identifier: str, name: str, reference: int, kind: int) -> None:
        attributes = ua.ObjectAttributes(DisplayName=ua.LocalizedText(name), EventNotifier=0)
        await self._add(
            parent,
            self.id(identifier),
            name,
            node_class=ua.NodeClass.Object,
            reference=reference,
            definition=kind,
            attributes=attributes,
        )

    async def variable(self, variable: Variable) -> None:
        node = self.id(variable.node)
        kind, data_type, definition = _TYPES[variable.kind]
        first = ua.Variant(_FIRST_VALUE[variable.kind], kind)
        await self._value(
            self.id(variable.parent),
            node,
            variable.name,
            value=first,
            data_type=data_type,
            definition=definition,
            writable=variable.writable,
        )
        if variable.kind == "number":
            span = ua.Variant(ua.Range(variable.low, variable.high), ua.VariantType.ExtensionObject)
            unit = ua.Variant(unit_information(variable), ua.VariantType.ExtensionObject)
            decimals = ua.Variant(float(variable.decimals), ua.VariantType.Double)
            await self._property(variable, "EURange", span, ua.ObjectIds.Range)
            await self._property(variable, "EngineeringUnits", unit, ua.ObjectIds.EUInformation)
            await self._property(variable, "ValuePrecision", decimals, ua.ObjectIds.Double)
        elif variable.kind == "enum":
            modes = ua.Variant([ua.LocalizedText(mode) for mode in PUMP_MODES], ua.VariantType.LocalizedText)
            await self._property(variable, "EnumStrings", modes, ua.ObjectIds.LocalizedText)

    async def _property(self, variable: Variable, name: str, value: ua.Variant, data_type: int) -> None:
        node = self.id(f"{variable.node}.{name}")
        await self._value(
            self.id(variable.node), node, name, value=value, data_type=data_type, definition=ua.ObjectIds.PropertyType
        )

    async def _value(
        self,
        parent: ua.NodeId,
        node: ua.NodeId,
        name: str,
        *,
        value: ua.Variant,
        data_type: int,
        definition: int,
        writable: bool = False,
    ) -> None:
        access = ua.AccessLevel.CurrentRead.mask | (ua.AccessLevel.CurrentWrite.mask if writable else 0)
        is_list = isinstance(value.Value, list)
        attributes = ua.VariableAttributes(
            DisplayName=ua.LocalizedText(name),
            Value=value,
            DataType=ua.NodeId(data_type),
            ValueRank=ua.ValueRank.OneDimension if is_list else ua.ValueRank.Scalar,
            AccessLevel=access,
            UserAccessLevel=access,
            MinimumSamplingInterval=0.0,
        )
        is_property = definition == ua.ObjectIds.PropertyType
        reference = ua.ObjectIds.HasProperty if is_property else ua.ObjectIds.HasComponent
        await self._add(
            parent,
            node,
            name,
            node_class=ua.NodeClass.Variable,
            reference=reference,
            definition=definition,
            attributes=attributes,
        )

    async def _add(
        self,
        parent: ua.NodeId,
        node: ua.NodeId,
        name: str,
        *,
        node_class: ua.NodeClass,
        reference: int,
        definition: int,
        attributes: Any,
    ) -> None:
        # Properties of the standard are found by their name in namespace 0 (OPC 10000-8, 5.3).
        named_in = 0 if definition == ua.ObjectIds.PropertyType else self._namespace
        item = ua.AddNodesItem(
            ParentNodeId=parent,
            ReferenceTypeId=ua.NodeId(reference),
            RequestedNewNodeId=node,
            BrowseName=ua.QualifiedName(name, named_in),
            NodeClass=node_class,
            NodeAttributes=attributes,
            TypeDefinition=ua.NodeId(definition),
        )
        (result,) = await self._session.add_nodes([item])
        result.StatusCode.check()
