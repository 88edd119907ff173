"""Write ``src/attrieve/client/client.py`` from the service's OpenAPI document: one method for each route."""

import argparse
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

TARGET = Path(__file__).parents[1] / "src/attrieve/client/client.py"
FILES = "list[tuple[str, bytes, str]]"
HEAD = '''"""Every route of the service as a method; written by ``python docs/client.py``, not by hand."""

from collections.abc import Sequence
from typing import Literal
from urllib.parse import quote

from attrieve.client.asking import Asking
'''
CLASS = '''

class AttrieveClient(Asking):
    """A client of a service; methods are named and documented as its routes.

    Every method raises :class:`~attrieve.client.ProblemAnswer` where the service refuses or fails, and
    :class:`~attrieve.errors.AttrieveError` where it cannot be reached.
    """

    def __enter__(self) -> "AttrieveClient":
        return self
'''


def document() -> dict[str, Any]:
    """Return the OpenAPI document of the service over a gallery of a few drawn rows."""
    from attrieve.gallery.synthesize import synthesize
    from attrieve.serving.app import create_app
    from attrieve.serving.settings import read_settings

    with tempfile.TemporaryDirectory() as folder:
        gallery = Path(folder) / "gallery"
        synthesize(gallery, 8)
        app = create_app(read_settings({"gallery": gallery}, environment={}))
        try:
            return app.openapi()
        finally:
            app.state.service.close()


def wire_models() -> dict[str, str]:
    """Return which module each model of the wire is in."""
    import attrieve.serving.wire as wire

    found = {}
    for module in pkgutil.iter_modules(wire.__path__):
        loaded = importlib.import_module(f"attrieve.serving.wire.{module.name}")
        for name, member in vars(loaded).items():
            if inspect.isclass(member) and member.__module__ == loaded.__name__:
                found[name] = loaded.__name__
    return found


def source(openapi: dict[str, Any]) -> str:
    """Return the client's module."""
    modules, used = wire_models(), set[str]()
    methods = [
        _method(path, verb, operation, openapi, modules, used)
        for path, verbs in openapi["paths"].items()
        for verb, operation in verbs.items()
    ]
    imports: dict[str, list[str]] = {}
    for name in sorted(used):
        imports.setdefault(modules[name], []).append(name)
    lines = [f"from {module} import {', '.join(names)}\n" for module, names in sorted(imports.items())]
    return formatted(HEAD + "".join(lines) + CLASS + "\n".join(methods))


def formatted(text: str) -> str:
    """Return Python text as ruff writes it."""
    ruff = [sys.executable, "-m", "ruff"]
    options = ["--stdin-filename", str(TARGET), "-"]
    for command in (["check", "--fix", "--quiet", "--select", "I,F401"], ["format", "--quiet"]):
        text = subprocess.run([*ruff, *command, *options], input=text, capture_output=True, text=True).stdout
    return text


def _method(
    path: str, verb: str, operation: dict[str, Any], openapi: dict[str, Any], modules: dict, used: set
) -> str:
    given = [one for one in operation.get("parameters", ()) if one["in"] in ("path", "query")]
    before, after, query = [], [], []
    for one in given:
        name = _python_name(one["name"])
        kind = _kind(one["schema"], openapi, modules, used)
        if one["in"] == "path":
            before.append(f"{name}: {kind}")
        elif one.get("required"):
            after.append(f"{name}: {kind}")
        else:
            kind = kind if "None" in kind.split(" | ") else f"{kind} | None"
            after.append(f"{name}: {kind} = None")
        if one["in"] == "query":
            query.append(f'"{one["name"]}": {name}')
    call = [f'"{verb.upper()}"', _address(path), _answer(operation, openapi, modules, used)]
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        kind = _kind(content["application/json"]["schema"], openapi, modules, used)
        optional = not operation["requestBody"].get("required")
        before.append(f"body: {kind} | None = None" if optional and "None" not in kind else f"body: {kind}")
        call.append("body=body")
    elif "multipart/form-data" in content:
        before.append(f"images: {FILES}")
        call.append('files=[("images", image) for image in images]')
    if query:
        call.append(f"query={{{', '.join(query)}}}")
    after.sort(key=lambda text: "= None" in text)
    arguments = ", ".join(["self", *before, *(["*", *after] if after else [])])
    name = operation["operationId"]
    told = _docstring(operation, [one for one in given if one.get("description")])
    answer, head = call[2], f"    def {name}({arguments}) -> {call[2]}:\n        {told}\n"
    if answer == "None":
        call[2] = "type(None)"
        return f"{head}        self._ask({', '.join(call)})\n"
    return f"{head}        answer: {answer} = self._ask({', '.join(call)})\n        return answer\n"


def _docstring(operation: dict[str, Any], described: list[dict[str, Any]]) -> str:
    summary = operation["summary"].rstrip(".")
    lines = [f'"""{summary}.']
    if described:
        lines += ["", "Args:"]
        lines += [f"    {_python_name(one['name'])}: {_plain(one['description'])}" for one in described]
        return "\n        ".join([*lines, '"""']).replace("\n        \n", "\n\n")
    return lines[0] + '"""'


def _plain(text: str) -> str:
    """Shorten a description to its first sentence, so that it fits a line."""
    first = re.split(r"[.;]\s(?=[A-Z])|;\s", text.strip())[0].rstrip(".;")
    return (first[0].lower() + first[1:] if first[1:2].islower() else first)[:80].rstrip() + "."


def _python_name(name: str) -> str:
    return {"from": "from_", "in": "in_"}.get(name, name)


def _address(path: str) -> str:
    parts = re.findall(r"{(\w+)}", path)
    if not parts:
        return f'"{path}"'
    text = path
    for name in parts:
        text = text.replace(f"{{{name}}}", f"{{quote(str({_python_name(name)}), safe='')}}")
    return f'f"{text}"'


def _answer(operation: dict[str, Any], openapi: dict[str, Any], modules: dict, used: set) -> str:
    status = next(status for status in operation["responses"] if status.startswith("2"))
    content = operation["responses"][status].get("content", {})
    if not content:
        return "None" if status == "204" else "bytes"
    if "application/json" in content:
        return _kind(content["application/json"]["schema"], openapi, modules, used)
    text = all(kind.startswith("text/") or kind.endswith("jsonl") for kind in content)
    return "str" if text else "bytes"


_SIMPLE = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}


def _kind(schema: dict[str, Any], openapi: dict[str, Any], modules: dict, used: set) -> str:
    """Return the Python type of a schema."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        if name in modules:
            used.add(name)
            return name
        return _kind(openapi["components"]["schemas"][name], openapi, modules, used)
    for together in ("anyOf", "oneOf", "allOf"):
        if together in schema:
            kinds = [_kind(one, openapi, modules, used) for one in schema[together]]
            return " | ".join(sorted(dict.fromkeys(kinds), key=lambda kind: kind == "None"))
    if "enum" in schema:
        return f"Literal[{', '.join(repr(value) for value in schema['enum'])}]"
    if "const" in schema:
        return f"Literal[{schema['const']!r}]"
    if schema.get("type") == "array":
        return f"list[{_kind(schema.get('items', {}), openapi, modules, used)}]"
    if schema.get("type") == "object":
        return "dict[str, object]"
    return _SIMPLE.get(schema.get("type", ""), "object")


def main() -> None:
    """Write the client, or say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if it is not up to date")
    given = parser.parse_args()
    text = source(document())
    if given.check:
        if text != TARGET.read_text("utf-8"):
            sys.exit(f"{TARGET} is not up to date; run: python docs/client.py")
        return
    TARGET.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
