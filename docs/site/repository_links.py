"""What pages link to outside of docs/ is on the site as well: other pages, code, folders. Links hold as they do on a Git host."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]
PLACES = {"README.md": "index.md", "docs/README.md": "contents.md"}
"""Path in the repository → path among the site's sources, where it isn't ``place``'s rule."""
_NOT_CODE = re.compile(r"(^ *(`{3,}|~{3,}).*?^ *\2 *$)", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"""(?<=\]\()[^)\s]+|(?<=\bsrc=")[^"]+|(?<=\bsrcset=")[^"\s]+|(?<=\bhref=")[^"]+""")
_CODE_PAGE = "---\nsearch:\n  exclude: true\n---\n\n# {path}\n\n{body}\n"
_LANGUAGES = {".py": "python", ".toml": "toml", ".sh": "sh", ".json": "json", ".yml": "yaml"}


def place(path: str) -> str:
    """Where a file or folder of the repository is among the site's sources."""
    if path in PLACES or path.startswith("docs/"):
        return PLACES.get(path) or path.removeprefix("docs/")
    target = ROOT / path
    if target.is_dir():
        return f"repository/{path}/contents.md"
    return f"repository/{path}" if target.suffix == ".md" or not _is_text(target) else f"repository/{path}.md"


def replace_links(markdown: str, change: Callable[[str], str]) -> str:
    """Markdown with every relative link changed, code blocks left as they are."""
    parts = _NOT_CODE.split(markdown)
    for i in range(0, len(parts), 3):  # text, block, its fence, text, …
        parts[i] = _LINK.sub(lambda link: link[0] if re.match(r"[a-z]+:|#|/", link[0]) else change(link[0]), parts[i])
    return "".join(part for i, part in enumerate(parts) if i % 3 != 2)


def on_files(files: Files, config: Any) -> Files:
    """Called by MkDocs with the files of docs/: adds what they link to, and what that links to."""
    for name in ("README.md", *(name for name in PLACES.values() if files.get_file_from_path(name))):
        if found := files.get_file_from_path(name):
            files.remove(found)
    paths = {f"docs/{file.src_uri}" for file in files.documentation_pages()}
    waiting = [*paths, "README.md", "docs/README.md", "CHANGELOG.md", "CONTRIBUTING.md"]
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path in seen or not (ROOT / path).exists():
            continue
        seen.add(path)
        if path not in paths and not (path.startswith("docs/") and path not in PLACES):
            files.append(_file(path, config))
        if path.endswith(".md"):
            replace_links((ROOT / path).read_text(), lambda link, path=path: waiting.append(_target(path, link)) or link)
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Called by MkDocs with a page's Markdown: links to places in the repository become links to places on the site."""
    here = page.file.src_uri
    path = next((path for path, there in PLACES.items() if there == here), None) or (
        here.removeprefix("repository/") if here.startswith("repository/") else f"docs/{here}"
    )
    if not (ROOT / path).is_file():
        return markdown

    def change(link: str) -> str:
        target, (_, mark, rest) = _target(path, link), link.partition("#")
        there = place(target) if (ROOT / target).exists() else target
        return posixpath.relpath(there, posixpath.dirname(here)) + mark + rest

    return replace_links(markdown, change)


def _target(path: str, link: str) -> str:
    """The path in the repository that a page's relative link leads to."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), link.partition("#")[0]))


def _file(path: str, config: Any) -> File:
    target = ROOT / path
    if target.is_dir():
        names = sorted(one.name + "/" * one.is_dir() for one in target.iterdir() if one.name[0] not in "._")
        return File.generated(config, place(path), content=_CODE_PAGE.format(path=path, body="\n".join(f"- `{name}`" for name in names)))
    if target.suffix == ".md" or not _is_text(target):
        return File.generated(config, place(path), abs_src_path=str(target))
    code = f"````` {{ .{_LANGUAGES.get(target.suffix, 'text')} }}\n{target.read_text()}\n`````"
    return File.generated(config, place(path), content=_CODE_PAGE.format(path=path, body=code))


def _is_text(path: Path) -> bool:
    return path.suffix not in {".parquet", ".png", ".svg", ".nc", ".safetensors", ".gz"}
