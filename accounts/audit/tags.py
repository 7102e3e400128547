"""The closed list of what can be recorded: ``subject:thing:action``, what it means, and the facts it may carry.

One line each, in alphabetical order. An event whose tag or fact is not here is a programming error and is refused, so
that an auditor can learn the whole language from this file. Facts are texts; none is ever a password, token or key.
"""

from __future__ import annotations

from relay_bridge.contract.audit import AGENT_TAGS, Tag, tag

# A change at the plant. ``action`` is its name in the agent's journal too, ``begun`` its entry there.
CHANGE = ("action", "kind", "value", "expected", "unit", "approver")
OUTCOME = ("code", "begun", "before", "after")

# fmt: off
TAGS: dict[str, Tag] = {
    **AGENT_TAGS,
    "admin:row:added": tag("A row was added in the administration.", "model"),
    "admin:row:changed": tag("A row was changed in the administration.", "model"),
    "admin:row:deleted": tag("A row was deleted in the administration.", "model"),
    "alarm:action:answered": tag(
        "What the site made of a wish to acknowledge, confirm or shelve alarms.",
        "what", "outcome", "count", "alarms", "alarms_2", "alarms_3", "alarms_4",
    ),
    "alarm:action:asked": tag(
        "Somebody asked to acknowledge, confirm or shelve alarms; the site is asked next.",
        "what", "count", "alarms", "alarms_2", "alarms_3", "alarms_4",
    ),
    "api:request:refused": tag("A request of another application was refused.", "problem", "left_out"),
    "audit:chain:broken": tag("The check of the trail found that it was tampered with.", "rows", "first_bad"),
    "audit:chain:verified": tag("The trail was checked and holds.", "rows", "last"),
    "audit:key:replaced": tag(
        "The trail is signed with another key from here on; the one before was lost.",
        "kid", "before_kid", "signed_to", "rows", "first_bad",
    ),
    "audit:segment:retired": tag("Old events were archived and removed.", "first", "last", "file", "file_hash"),
    "audit:trail:exported": tag("Events were exported.", "format", "rows", "filter"),
    "client:row:added": tag("Another application was registered.", "kind"),
    "client:row:changed": tag("An application's registration was changed.", "changed"),
    "client:row:deleted": tag("An application was deleted."),
    "client:secret:replaced": tag("An application was given a new secret; the old one opens nothing."),
    "conduit:agent:pinned": tag("The agent's certificate was pinned.", "thumbprint"),
    "conduit:enrolment:claimed": tag("A machine used an enrolment code; an administrator must compare.", "thumbprint"),
    "conduit:enrolment:collected": tag("The enrolled agent was handed its Listen key.", "thumbprint"),
    "conduit:enrolment:confirmed": tag("An administrator confirmed the agent that enrolls.", "thumbprint"),
    "conduit:enrolment:finished": tag("The enrolled agent has written everything.", "thumbprint"),
    "conduit:enrolment:made": tag("An enrolment code was made."),
    "conduit:enrolment:refused": tag("An enrolment was ended: refused, or the comparison did not agree.", "thumbprint"),
    "conduit:enrolment:rejected": tag("An enrolment code, or what came with it, was not accepted.", "thumbprint"),
    "conduit:listen-key:made": tag("A new Listen key was made for the agent."),
    "conduit:listen-key:rotated": tag("The Listen key was rotated: the old one opens nothing."),
    "conduit:relay:deleted": tag("The hybrid connection was deleted at the relay."),
    "conduit:send-key:replaced": tag("A new Send key is in use, but the one before is still good."),
    "conduit:send-key:rotated": tag("The Send key was rotated."),
    "conduit:site:cut-off": tag("Every way to the site was closed."),
    "conduit:site:provisioned": tag("The site was provisioned at the relay."),
    "control:change:approved": tag("A second person agreed to a change at the plant.", *CHANGE),
    "control:change:asked": tag("Somebody asked a second person to agree to a change at the plant.", *CHANGE),
    "control:change:attempted": tag("A change was about to be sent to the plant.", *CHANGE),
    "control:change:declined": tag("A second person did not agree to a change at the plant.", *CHANGE),
    "control:change:done": tag("The plant took a change and reads as wished.", *CHANGE, *OUTCOME),
    "control:change:given-up": tag("Somebody gave up an own change before it was sent.", *CHANGE),
    "control:change:refused": tag("A change was refused: nothing was done.", *CHANGE, *OUTCOME),
    "control:change:sent": tag("The plant took a change and reads otherwise.", *CHANGE, *OUTCOME),
    "control:change:unknown": tag("What became of a change is not known.", *CHANGE, *OUTCOME),
    "grant:review:exported": tag("A list of who had which access was exported.", "from", "until"),
    "grant:role:approved": tag("A second person approved a grant.", "person", "role", "from", "until", "epoch", "by"),
    "grant:role:changed": tag("A grant was changed.", "person", "role", "from", "until", "changed", "epoch"),
    "grant:role:given": tag(
        "A role was granted at a site; it may have to be approved.",
        "person", "role", "from", "until", "epoch", "approval", "by",
    ),
    "grant:role:refused": tag("A second person refused a grant.", "person", "role", "from", "until", "epoch"),
    "grant:role:revoked": tag("A grant was revoked.", "person", "role", "from", "until", "epoch"),
    "grant:view-as:begun": tag("Somebody began to look at a site as another person.", "person", "until"),
    "grant:view-as:ended": tag("Looking at a site as another person ended.", "person", "how"),
    "group:permissions:changed": tag("A group's administration permissions were changed.", "change", "permissions"),
    "group:row:added": tag("A group of administration permissions was made."),
    "group:row:changed": tag("A group of administration permissions was renamed.", "from"),
    "group:row:deleted": tag("A group of administration permissions was deleted."),
    "issuer:key:announced": tag("A site was told the issuer's keys.", "kid", "sequence"),
    "issuer:key:rotated": tag("The issuer signs with a new key.", "kid", "before_kid", "until", "sequence"),
    "note:asset:expired": tag("Notes were removed because of their age.", "count", "before"),
    "note:asset:withdrawn": tag(
        "Somebody took an own note back: its text and photo were removed.",
        "asset", "hash", "file_hash", "corrects",
    ),
    "note:asset:written": tag(
        "Somebody left a note on a tank or unit.", "asset", "hash", "file_hash", "corrects"
    ),
    "person:account:added": tag("An account was made."),
    "person:account:changed": tag("Facts of an account were changed.", "changed"),
    "person:account:closed": tag("An account was disabled."),
    "person:account:deleted": tag("An account was deleted."),
    "person:account:opened": tag("A disabled account was enabled again."),
    "person:administration:changed": tag("What a person may administer was changed.", "change", "what"),
    "person:company:connected": tag("An account was connected with a company sign-on.", "company"),
    "person:factor:added": tag("Somebody set up a second factor.", "kind"),
    "person:factor:removed": tag("Somebody removed an own second factor.", "kind"),
    "person:factor:reset": tag("All second factors of a person were taken away.", "factors", "sessions"),
    "person:password:changed": tag("A password was set."),
    "person:recovery-code:made": tag("New recovery codes were made; the old ones are worth nothing.", "count"),
    "person:recovery-code:used": tag("Somebody signed in with a recovery code.", "left"),
    "person:session:ended": tag("A sign-in ended by itself: idle, or at its absolute limit."),
    "person:session:signed-in": tag("Somebody signed in.", "methods", "notice"),
    "person:session:signed-out": tag("Somebody signed out."),
    "person:session:stepped-up": tag("Somebody confirmed to be who they are.", "methods"),
    "person:sessions:ended": tag("Sign-ins of a person were ended.", "count", "access_tokens"),
    "person:sign-in:failed": tag("A sign-in failed.", "left_out"),
    "person:sign-in:locked": tag("An account was locked for a while after failed sign-ins."),
    "person:sign-in:unlocked": tag("The pause after failed sign-ins was ended.", "count"),
    "request:access:asked": tag("Somebody asked for access to a site.", "person", "role", "until"),
    "request:access:declined": tag("A request for access was declined.", "person", "role"),
    "request:access:granted": tag("A request for access was granted.", "person", "role", "grant"),
    "request:access:withdrawn": tag("Somebody took a request for access back.", "person", "role"),
    "role:row:added": tag("A role was made.", "scopes"),
    "role:row:changed": tag("A role was changed.", "changed", "scopes", "before"),
    "role:row:deleted": tag("A role was deleted."),
    "shift:hand-over:drafted": tag("Somebody began to write a shift hand-over.", "start", "end"),
    "shift:hand-over:given": tag("The person who goes signed a shift hand-over.", "start", "end", "hash"),
    "shift:hand-over:taken": tag(
        "The person who comes signed a shift hand-over: it is never changed again.", "start", "end", "hash", "from"
    ),
    "shift:hand-over:taken-back": tag("The person who goes took their signature back.", "start", "end"),
    "shift:hand-over:thrown-away": tag("A draft of a shift hand-over was thrown away.", "start", "end"),
    "site:access:switched-off": tag("A site was switched off: nobody sees it."),
    "site:access:switched-on": tag("A site was switched on again."),
    "site:page:refused": tag("Somebody was refused a page of a site.", "scope", "why", "left_out"),
    "site:row:added": tag("A site was made."),
    "site:row:changed": tag("Facts of a site were changed.", "changed"),
    "source:sign-in:unlocked": tag("The pause of an address after failed sign-ins was ended.", "count"),
    "token:access:ended": tag("An access token was ended by an administrator.", "person"),
    "token:access:opened": tag("Somebody opened a site: an access token was made.", "grant", "epoch", "scope"),
    "token:device:approved": tag("Somebody let a tablet look at a site.", "scope"),
    "token:device:denied": tag("A tablet was not let look at a site."),
    "token:device:locked": tag("Too many wrong codes of tablets were typed."),
    "token:oauth:consented": tag("Somebody let an application look at a site.", "authorization", "scope", "until"),
    "token:oauth:ended": tag("An application's access to a site ended.", "authorization", "person"),
    "token:oauth:issued": tag(
        "An application got an access token.", "authorization", "scope", "grant_type", "seconds"
    ),
    "token:oauth:not-consented": tag("Somebody did not, or could not, let an application look at a site.", "error"),
    "token:oauth:refused": tag("An application was refused a token.", "error", "grant_type", "left_out"),
    "token:oauth:reused": tag(
        "A code or refresh token came a second time: all that it bought ended.", "authorization", "person"
    ),
    "token:oauth:revoked": tag("An application's access was given back or taken back.", "authorization", "person"),
    "token:site:refused": tag("No site token was minted.", "kind", "scope", "grant"),
    "watch:list:shared": tag("Somebody let others at the site read an own watch list.", "name"),
    "watch:list:unshared": tag("Others at the site no longer read somebody's watch list.", "name"),
}
# fmt: on
