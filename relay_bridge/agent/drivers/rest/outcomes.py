"""What is known of a request that changes something, from how it ended: nothing was done, or nobody can tell."""

from __future__ import annotations

import asyncio
from typing import Final

from relay_bridge.agent.drivers.abilities import OutcomeUnknown
from relay_bridge.agent.drivers.rest.conversation import Conversation
from relay_bridge.agent.drivers.rest.http import Answer
from relay_bridge.agent.drivers.rest.problems import Trouble
from relay_bridge.contract.errors import RequestRefused

# Seconds for login, turn and connection: no more may go by between the last look at value, time and switch and sending.
SEND_WITHIN: Final = 1.5
# The client's own mistakes (RFC 9110, 15.5): the server says that it has not acted. 408 does not say so.
NOT_DONE: Final = frozenset({400, 401, 403, 404, 405, 406, 409, 410, 411, 413, 414, 415, 422, 423, 428, 429})


async def act_once(talk: Conversation, method: str, path: str, body: bytes | None, deadline: float) -> Answer:
    """Send exactly once. An answer of success, or one of ``NOT_DONE``.

    ``RequestRefused("source_down")`` when it was not sent, ``OutcomeUnknown`` when it was and nothing is sure.
    """
    began, sent = asyncio.get_running_loop().time(), False
    try:
        async with asyncio.timeout(min(deadline, SEND_WITHIN)) as limit:

            def sending() -> None:
                nonlocal sent
                sent = True
                limit.reschedule(began + deadline)

            answer = await talk.once(method, path, body, sending=sending)
    except TimeoutError:
        if not sent:
            words = f"The source could not be asked within {min(deadline, SEND_WITHIN):g} s; nothing was sent."
            raise RequestRefused("source_down", words) from None
        raise OutcomeUnknown(f"the source did not answer within {deadline:g} s") from None
    except Trouble as trouble:
        if not sent or not trouble.sent:
            raise RequestRefused("source_down", f"The source cannot be asked: {trouble.reason}.") from None
        raise OutcomeUnknown(trouble.reason) from None
    if 200 <= answer.status < 300 or answer.status in NOT_DONE:
        return answer
    raise OutcomeUnknown(f"the process server answered with status {answer.status}")
