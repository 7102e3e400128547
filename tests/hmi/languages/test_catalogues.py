"""Every text that people see has its translation in five languages, and what is made of the catalogues is current."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import read_mo

from hmi.languages import catalogues
from hmi.languages.choices import TRANSLATED
from hmi.languages.collecting import collect

COMMAND = "Run `make texts`, translate what it lists, run it again."


@pytest.fixture(scope="module")
def collected() -> Catalog:
    return collect()


def texts_of(catalog: Catalog) -> set[tuple[str | None, object]]:
    return {(message.context, message.id) for message in catalog if message.id}


def translations_of(catalog: Catalog) -> set[tuple[object, ...]]:
    """Babel reads plural forms as lists and contexts as bytes from ``.mo``, as tuples and texts from ``.po``."""
    return {tuple(map(same, (one.context, one.id, one.string))) for one in catalog if one.id}


def same(text: object) -> object:
    if isinstance(text, bytes):
        return text.decode()
    return tuple(text) if isinstance(text, list) else text


@pytest.mark.parametrize("code", TRANSLATED)
def test_every_text_is_translated(code: str, collected: Catalog) -> None:
    catalog = catalogues.load(code)
    assert texts_of(catalog) == texts_of(collected), COMMAND
    assert catalogues.faults(catalog) == [], COMMAND


@pytest.mark.parametrize("code", TRANSLATED)
def test_what_is_made_of_a_catalogue_is_current(code: str) -> None:
    catalog = catalogues.load(code)
    made = read_mo(io.BytesIO(catalogues.po_file(code).with_suffix(".mo").read_bytes()))
    assert translations_of(made) == translations_of(catalog), COMMAND
    assert catalogues.script_file(code).read_text("utf-8") == catalogues.script_text(catalog), COMMAND


def test_texts_are_found_in_python_templates_and_scripts(tmp_path: Path, settings) -> None:
    settings.BASE_DIR = tmp_path
    files = {
        "hmi/a.py": "from django.utils.translation import gettext, ngettext, pgettext\n"
        'x = gettext("In Python")\ny = ngettext("{n} tank", "{n} tanks", n)\nz = pgettext("month", "May")\n'
        "gettext(x)\n",
        "accounts/b.py": "from django.utils.translation import gettext_lazy as _\n"
        'T = _(\n    "In two "\n    "lines"\n)\nngettext("no import", "no mark", 2)\n',
        "templates/c.html": '{% load i18n %}{% translate "It\'s here" %}<p title="{% translate "Aside" %}">'
        "{% blocktranslate count n=list|length %}One of {{ x }}{% plural %}{{ n }} of {{ x }}{% endblocktranslate %}",
        "static/js/d.js": 'say(t("Said by {who}", { who })); say(nt("{count} alarm", "{count} alarms", 3));',
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert texts_of(collect()) == {
        (None, "In Python"),
        (None, ("{n} tank", "{n} tanks")),
        ("month", "May"),
        (None, "In two lines"),
        (None, "It's here"),
        (None, "Aside"),
        (None, ("One of %(x)s", "%(n)s of %(x)s")),
        (None, "Said by {who}"),
        (None, ("{count} alarm", "{count} alarms")),
    }


@pytest.mark.parametrize("glued", ['f"Hello {name}"', '"Hello " + name', '"Hello %s" % name'])
def test_a_glued_text_is_refused(tmp_path: Path, settings, glued: str) -> None:
    settings.BASE_DIR = tmp_path
    (tmp_path / "hmi").mkdir()
    (tmp_path / "hmi" / "a.py").write_text(f"from django.utils.translation import gettext\nx = gettext({glued})\n")
    with pytest.raises(ValueError, match="one plain string"):
        collect()


@pytest.mark.parametrize(
    ("text", "translation", "fault"),
    [
        ("Open {site}", "\u00d6ppna", "names"),
        ("Open", "", "no translation"),
        ("%(n)s tanks", "%(m)s tankar", "names"),
        ("<b>Now</b>", "Nu", "names"),
        ("Now ", "Nu", "space"),
        (("{n} tank", "{n} tanks"), ("{n} cistern", ""), "no translation"),
    ],
)
def test_faults_of_a_translation_are_named(text: str, translation: str, fault: str) -> None:
    catalog = Catalog(locale="sv")
    catalog.add(text, translation)
    assert any(fault in told for told in catalogues.faults(catalog))


def test_a_good_translation_has_no_fault() -> None:
    catalog = Catalog(locale="sv")
    catalog.add(("One alarm", "{n} alarms"), ("Ett larm", "{n} larm"))
    catalog.add("Open {site}", "\u00d6ppna {site}")
    assert catalogues.faults(catalog) == []
