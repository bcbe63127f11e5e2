"""A fork of the preloaded process: it becomes the requested process, runs it, and ends."""

from __future__ import annotations

import atexit
import builtins
import contextlib
import ctypes
import gc
import io
import os
import runpy
import signal
import sys
import threading
from importlib.machinery import SourceFileLoader
from types import ModuleType, TracebackType

from child_processes.preload._protocol import Request

PR_SET_PDEATHSIG = 1
OWN_FILES = (__file__, f"{os.path.dirname(__file__)}{os.sep}_server.py")  # noqa: PTH120


def set_up(request: Request, streams: list[int]) -> None:
    """Set up streams, environment and folder of the requested process."""
    os.setsid()
    # The fork must not outlive the preloaded process.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for signum in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(signum, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for target, source in enumerate(streams):
        os.dup2(source, target)
        os.close(source)
    os.environ.clear()
    os.environ.update(request.env)
    os.chdir(request.cwd)
    if "numpy" in sys.modules:  # each process needs its own random state
        sys.modules["numpy"].random.seed()
    gc.enable()


def run_and_exit(request: Request) -> None:
    """Run the program, and end as the interpreter does, but leave its modules to the system.

    Their teardown takes a third of a second. The exit handlers run, among them IPython's, which
    releases the objects of a notebook, and open files are flushed. multiprocessing ends its forks
    in the same way.
    """
    code, interrupted = 0, False
    try:
        _run(request)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise  # a message, which the interpreter prints
        code = end.code or 0
    except BaseException as error:  # noqa: BLE001 - it is reported as the interpreter does
        code = 1
        error.__traceback__ = _without_own_frames(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, KeyboardInterrupt):
            interrupted = True
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads that are no daemons
    atexit._run_exitfuncs()
    gc.collect()  # objects in reference cycles may have finalizers
    for stream in (sys.stdout, sys.stderr, *_list_files()):
        with contextlib.suppress(OSError, ValueError):  # closed
            stream.flush()
    if interrupted:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    os._exit(code & 0xFF)  # as the system does for the interpreter: sys.exit(-1) is 255


def _run(request: Request) -> None:
    """Run the script or module as the interpreter does."""
    sys.orig_argv = request.argv
    if request.argv[1] == "-m":
        sys.path.insert(0, request.cwd)
        _run_module(request.argv[2:])
    elif request.argv[1] == "-I":
        _run_module(request.argv[3:])
    else:
        _run_script(request.argv[1], request)


def _run_module(argv: list[str]) -> None:
    name = argv[0]
    sys.argv = argv
    if not hasattr(sys.modules.get(name), "__path__"):  # for a package, its __main__ runs
        sys.modules.pop(name, None)  # else runpy warns that it is already imported
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _run_script(script: str, request: Request) -> None:
    """Run a script in a new module ``__main__``."""
    path = os.path.join(request.cwd, script)  # noqa: PTH118 - keeps "./" as the interpreter does
    sys.argv = request.argv[1:]
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))  # noqa: PTH120
    main = ModuleType("__main__")
    main.__dict__.update(
        __builtins__=builtins,
        __cached__=None,
        __file__=path,
        __loader__=SourceFileLoader("__main__", path),
    )
    sys.modules["__main__"] = main
    with io.open_code(path) as file:
        code = compile(file.read(), path, "exec", dont_inherit=True)
    exec(code, main.__dict__)  # noqa: S102 - the interpreter does no more


def _without_own_frames(traceback: TracebackType | None) -> TracebackType | None:
    """A traceback that begins in the program."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename in OWN_FILES:
        traceback = traceback.tb_next
    return traceback


def _list_files() -> list[io.TextIOWrapper | io.BufferedWriter | io.BufferedRandom]:
    """The files that modules have not closed; their buffers may not be written yet."""
    kinds = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
    # Not isinstance, which reads __class__: for proxy objects, that may raise an error.
    files = [each for each in gc.get_objects() if issubclass(type(each), kinds)]
    return sorted(files, key=lambda each: not isinstance(each, io.TextIOWrapper))
