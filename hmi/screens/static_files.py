"""Static files named by their content, the modules that our scripts import included.

Without the second part ``live.1a2b.js`` would import a plain ``socket.js``, which a browser may still hold in an older
version: a page would run with half of one release and half of another.
"""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage

_OURS = "js/*.js"  # scripts of packages speak of modules in comments that were never there


class ModuleStaticFilesStorage(CompressedManifestStaticFilesStorage):
    support_js_module_import_aggregation = True
    _js_module_import_aggregation_patterns = (
        _OURS,
        CompressedManifestStaticFilesStorage._js_module_import_aggregation_patterns[1],  # noqa: SLF001
    )
