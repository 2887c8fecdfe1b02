"""Does what need not be done anew at each start: modules are compiled, where there is a C compiler, and rules tried.

Without it all works the same, but slower.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from Cython.Build import cythonize
from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension

ROOT = Path(__file__).parent
PACKAGE = ROOT / "addon"
SOURCES = ("lp_sentinel/captures/skip.pyx", "lp_sentinel/fields.pyx")
"""What they share is in ``.pxd`` files."""


class CustomBuildHook(BuildHookInterface[Any]):
    """Puts compiled modules beside their sources, and the values of rule files beside what reads them."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if self.target_name != "wheel":
            return
        if sys.version_info < (3, 12):  # noqa: UP036  (pip would say so, too, but has not come to that)
            raise SystemExit("lp-authorize needs Python 3.12 or newer")
        for source in SOURCES:
            if compiled := _compile(source):
                build_data["artifacts"].append(compiled.relative_to(ROOT).as_posix())
                build_data["pure_python"], build_data["infer_tag"] = False, True
        if tried := _tried_rules():
            build_data["artifacts"].append(tried.relative_to(ROOT).as_posix())


def _compile(source: str) -> Path | None:
    """The compiled module; ``None`` if it can't be compiled here."""
    name, folder = source.removesuffix(".pyx").replace("/", "."), str(ROOT / "build")
    extension = Extension(name, [str(PACKAGE / source)])
    [module] = cythonize([extension], build_dir=folder, include_path=[str(PACKAGE)], quiet=True)  # type: ignore[no-untyped-call]
    module.optional = True
    command: Any = Distribution({"ext_modules": [module]}).get_command_obj("build_ext")
    command.build_lib, command.build_temp = folder, folder
    command.ensure_finalized()
    built, target = Path(command.get_ext_fullpath(name)), PACKAGE / command.get_ext_filename(name)
    # Those of an older source must not stay.
    for older in (built, target):
        older.unlink(missing_ok=True)
    command.run()
    # Moved and not copied: it is whole from the moment at which it is there.
    return built.replace(target) if built.exists() else None


def _tried_rules() -> Path | None:
    """The file with the values of the rule files; ``None`` if one of them is wrong, which is told when it is used."""
    sys.path.insert(0, str(PACKAGE))
    from lp_sentinel.documents.document import DocumentError  # noqa: PLC0415  (not to be found before)
    from lp_sentinel.rules import load_rules, tried  # noqa: PLC0415  (likewise)

    tried.FILE.unlink(missing_ok=True)
    try:
        documents = {rule.document.path: rule.document for rule in load_rules().by_id.values()}
    except DocumentError:
        return None
    tried.write((one.text, one.data) for one in documents.values())
    return tried.FILE
