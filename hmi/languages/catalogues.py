"""The catalogues of translated texts on disk: reading, bringing up to date, compiling, and what is wrong with one.

``hmi/locale/<code>/LC_MESSAGES/django.po`` is what people edit. ``django.mo`` (for Django) and
``static/js/texts/<code>.js`` (for the scripts) are made from it and stand beside it, so that neither a developer nor
a server needs GNU gettext.
"""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings

_DATES = re.compile(
    rb'^"(POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team|Generated-By|Report-Msgid)'
    rb"[^\n]*\n",
    re.MULTILINE,
)
_NAMED = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{[a-z_]*(?::[^}]*)?\}|</?[a-z]+[^>]*>|\u00b7")


def po_file(code: str) -> Path:
    return Path(settings.BASE_DIR) / "hmi" / "locale" / code / "LC_MESSAGES" / "django.po"


def script_file(code: str) -> Path:
    return Path(settings.BASE_DIR) / "static" / "js" / "texts" / f"{code}.js"


def load(code: str) -> Catalog:
    """The catalogue of a language; empty when there is no file yet."""
    file = po_file(code)
    if not file.exists():
        return Catalog(locale=code, charset="utf-8")
    with file.open("rb") as opened:
        return read_po(opened, locale=code)


def brought_up_to_date(code: str, collected: Catalog) -> Catalog:
    """The texts of the code with the translations that there are. Nothing is guessed from similar texts."""
    known = load(code)
    fresh = Catalog(locale=code, charset="utf-8")
    for message in collected:
        if not message.id:
            continue
        before = known.get(_key(message), context=message.context)
        translation = before.string if before is not None and _same_shape(before, message) else None
        fresh.add(message.id, translation, locations=message.locations, context=message.context)
    return fresh


def po_bytes(catalog: Catalog) -> bytes:
    out = io.BytesIO()
    write_po(out, catalog, width=0, sort_output=True, include_lineno=False, omit_header=False)
    return _DATES.sub(b"", out.getvalue())


def mo_bytes(catalog: Catalog) -> bytes:
    out = io.BytesIO()
    write_mo(out, catalog)
    return out.getvalue()


def script_text(catalog: Catalog) -> str:
    """The texts that scripts say, as the file that the page loads before them."""
    texts = {}
    for message in catalog:
        if message.id and any(file.endswith(".js") for file, _ in message.locations):
            texts[_key(message)] = list(message.string) if isinstance(message.string, tuple) else message.string
    lines = json.dumps(texts, ensure_ascii=False, indent=0, sort_keys=True)
    return f"// Made by `manage.py texts` from the catalogue of this language.\nwindow.sightlineTexts = {lines};\n"


def faults(catalog: Catalog) -> list[str]:
    """What is wrong with the translations: each fault a sentence. Empty when the catalogue is complete."""
    found = []
    for message in catalog:
        if message.id:
            found += [f"{_key(message)!r}: {fault}" for fault in _faults_of(message)]
    return found


def _faults_of(message: Message) -> list[str]:
    sources, strings = _texts(message.id), _texts(message.string)
    if message.fuzzy:
        return ["is marked fuzzy: read it and take the mark away"]
    if not all(strings) or len(strings) < len(sources):
        return ["has no translation"]
    found = []
    wanted = sorted(_NAMED.findall(sources[-1]))
    for text in strings:
        have = sorted(_NAMED.findall(text))
        # The singular may leave the count out ("one alarm"), as the source's own singular may.
        if have != wanted and have != sorted(_NAMED.findall(sources[0])):
            found.append(f"names {have} where the text has {wanted}")
        if text[:1].isspace() != sources[0][:1].isspace() or text[-1:].isspace() != sources[0][-1:].isspace():
            found.append("begins or ends with a space where the text does not, or the other way round")
    return found


def _texts(one_or_both: object) -> list[str]:
    """The text, or the singular and the plural."""
    both = one_or_both if isinstance(one_or_both, tuple | list) else (one_or_both,)
    return [str(text or "") for text in both]


def _key(message: Message) -> str:
    return _texts(message.id)[0]


def _same_shape(before: Message, message: Message) -> bool:
    return isinstance(before.id, tuple) == isinstance(message.id, tuple)
