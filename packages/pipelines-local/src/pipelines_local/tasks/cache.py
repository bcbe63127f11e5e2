"""Cache@2: a folder that later runs on this machine restore.

The cache is saved at the end of a successful job. A segment of the key that looks like a path
stands for the content of the files that it matches; any other segment is a string.
Source: ``FingerprintCreator.cs`` and ``TarUtils.cs`` of azure-pipelines-agent.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from pipelines_local import files
from pipelines_local.tasks.context import TaskContext, TaskFailed
from pipelines_local.tasks.report_files import find_reports


def restore_cache(context: TaskContext) -> None:
    """Restore the cache with the same key, else the newest one that matches a restore key."""
    if "\n" in context.text("path").strip():
        # Azure cannot save such a cache: the agent uses the input as the path of one folder.
        message = "Cache@2 saves one folder: use one step for each path"
        raise TaskFailed("cache-path", message)
    path = context.path("path", context.folders.sources)
    key = _fingerprint(context, context.text("key"))
    lines = [line for line in context.text("restorekeys").splitlines() if line.strip()]
    exact = context.cache_folder / _folder_name(key)
    if exact.is_dir():
        hit, cache = "true", exact
    else:
        prefixes = [_fingerprint(context, line) for line in lines]
        partial = _find_partial(context.cache_folder, prefixes)
        hit, cache = ("inexact", partial) if partial else ("false", exact)
        context.job_state.at_success.append(lambda: save_cache(exact, key, path))
    if hit == "false":
        context.log(f"Cache miss: {key}")
    else:
        files.copy_tree(cache / "files", path, files.list_files(cache / "files"))
        context.log(f"Cache restored: {(cache / 'key').read_text(encoding='utf-8')}")
    if context.text("cachehitvar"):
        context.set_variable(context.text("cachehitvar"), hit)


def save_cache(target: Path, key: str, path: Path) -> None:
    """Save the folder ``path``; an existing cache is not replaced."""
    if target.exists() or not path.is_dir():
        return
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    files.copy_tree(path, temporary / "files", files.list_files(path))
    (temporary / "files").mkdir(parents=True, exist_ok=True)
    files.write_text(temporary / "key", key)
    try:
        temporary.rename(target)
    except OSError:  # another job has saved the same key meanwhile
        shutil.rmtree(temporary, ignore_errors=True)


def _find_partial(store: Path, prefixes: list[str]) -> Path | None:
    """Return the newest cache for the first restore key that matches."""
    caches = [path for path in store.glob("*") if (path / "key").is_file()]
    caches.sort(key=lambda path: (path / "key").stat().st_mtime_ns, reverse=True)
    for prefix in prefixes:
        for cache in caches:
            key = (cache / "key").read_text(encoding="utf-8")
            if key == prefix or key.startswith(f"{prefix}|"):
                return cache
    return None


def _folder_name(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _fingerprint(context: TaskContext, key: str) -> str:
    segments = [segment.strip() for segment in key.split("|")]
    if not all(segments):
        raise TaskFailed("cache-key", f"empty segment in the cache key {key!r}")
    return "|".join(_fingerprint_segment(context, segment) for segment in segments)


def _fingerprint_segment(context: TaskContext, segment: str) -> str:
    is_quoted = len(segment) > 1 and segment[0] == segment[-1] == '"'
    if is_quoted or segment.endswith(".") or not ("." in segment or "/" in segment):
        return segment.strip('"') if is_quoted else segment
    patterns = "\n".join(part.strip() for part in segment.split(","))
    paths = find_reports(context.folders.sources, patterns)
    if not paths:
        raise TaskFailed("cache-key", f"no file matches {segment!r} in the cache key")
    digest = hashlib.sha256()
    for path in paths:
        digest.update(os.path.relpath(path, context.folders.sources).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
