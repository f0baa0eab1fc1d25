"""sh, to run make in the foreground, at a third of the time that importing it takes.

Most of that goes to asyncio and to finding out its own version. Running in the foreground needs neither, so
something stands in for them while sh is imported.
"""

import sys
from types import ModuleType


def _stand_ins() -> dict[str, ModuleType]:
    asyncio, metadata = ModuleType("asyncio"), ModuleType("importlib.metadata")
    asyncio.Queue = object
    metadata.version = str
    return {module.__name__: module for module in (asyncio, metadata) if module.__name__ not in sys.modules}


def _import() -> ModuleType:
    stand_ins = _stand_ins()
    sys.modules.update(stand_ins)
    try:
        import sh
    except (AttributeError, ImportError):
        # A release of sh that asks more of them gets the real ones.
        for name in stand_ins:
            del sys.modules[name]
        stand_ins = {}
        import sh
    finally:
        for name in stand_ins:
            del sys.modules[name]
    return sh


sh = _import()
