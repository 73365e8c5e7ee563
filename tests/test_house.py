"""The direction of imports, and who may import which library."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "nic_cli"
STAGES = ("image", "tiles", "transform", "entropy", "container")
LEAVES = {"types", "errors", "limits", "arrays", "bounded", "memory", "extras", "waiting"}
WINGS = (
    "cli",
    "jobs",
    "terminal",
    "storage",
)  # each imports those after it
ROOMS = {  # library: the places that may import it
    "constriction": ("entropy/coder.py",),
    "PIL": ("image/", "__init__.py", "api/", "classical.py", "pillow.py"),  # api/: its types alone
    "pillow_heif": ("image/formats/plugins.py",),
    "pillow_jxl": ("image/formats/plugins.py", "classical.py"),
    "pyjpegli": ("bench/programs/jpegli.py",),
    "tifffile": ("image/formats/tiff.py",),
    "http": ("view/server.py",),
    "webbrowser": ("view/command.py",),
    "huggingface_hub": ("zoo/hub_client.py",),
    "onnx": ("transform/graphs/",),
    "torch": (
        "transform/",
        "codec.py",
        "tile_coding.py",
        "tile_optimisation.py",
        "zoo/",
        "train/",
        "losses/",
        "metrics/",
        "bench/command.py",
        "waiting.py",
    ),
    "typer": ("cli/",),
    "rich": ("terminal/",),
    "platformdirs": ("jobs/settings.py", "zoo/"),
    "ray": ("jobs/many/cluster.py",),
    "fsspec": ("storage/store.py",),
}


def modules():
    return sorted(p for p in PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """All modules that a file imports anywhere, at the top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{name.name}" for name in node.names if node.module == "nic_cli"}
    return found


def name_of(path: Path) -> str:
    """The dotted name of a module of the package."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules_of(path: Path) -> set[str]:
    """The modules of the package that a file imports, but for the types alone."""
    names = {name_of(p) for p in modules()}
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            below = {f"{node.module}.{name.name}" for name in node.names}
            found |= below & names or {node.module}
    return (found & names) - {name_of(path)}


def own(path: Path) -> set[str]:
    """The rooms or leaves of this package that a file imports."""
    return {name.split(".")[1] for name in imported(path) if name.startswith("nic_cli.")}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_only_itself_and_the_leaves(stage):
    for path in (PACKAGE / stage).rglob("*.py"):
        assert own(path) <= LEAVES | {stage}, path


def test_leaves_import_nothing_of_the_package():
    for name in ("types", "errors", "arrays", "bounded", "extras"):
        assert own(PACKAGE / f"{name}.py") == set()


@pytest.mark.parametrize("wing", WINGS)
def test_a_wing_imports_only_downwards(wing):
    above = set(WINGS[: WINGS.index(wing)])
    for path in (PACKAGE / wing).rglob("*.py"):
        assert not own(path) & above, path


def test_rooms_above_do_not_know_each_other():
    outside = {"cli", "jobs", "terminal", "train", "bench", "view", "pillow", "metrics", "classical"}
    outside |= {"quality"}
    measuring = {"metrics", "classical", "quality"}  # which whoever measures may use
    allowed = {"cli": outside, "jobs": {"jobs", "terminal", *measuring}, "bench": {"bench", *measuring}}
    allowed |= {"api": {"quality", "metrics"}, "quality": measuring}
    allowed |= {"terminal": {"terminal", "bench", "metrics"}, "metrics": set(), "train": {"train"}}
    allowed["view"] = {"jobs", "terminal"}
    rooms = {**allowed, "storage": set(), "zoo": set()}
    for room, known in {**rooms, **{stage: set() for stage in STAGES}}.items():
        for path in (PACKAGE / room).rglob("*.py"):
            assert not own(path) & (outside - known - {room}), path
    for room in (*STAGES, "zoo", "storage"):
        for path in (PACKAGE / room).rglob("*.py"):
            assert "codec" not in own(path), path


def test_no_module_imports_in_a_circle():
    """Not even from within functions, but where only types are meant."""
    graph = {name_of(path): modules_of(path) for path in modules()}
    seen, done = [], set()

    def visit(name):
        if name in done:
            return
        assert name not in seen, " -> ".join([*seen[seen.index(name) :], name])
        seen.append(name)
        for other in sorted(graph[name]):
            visit(other)
        done.add(seen.pop())

    for name in graph:
        visit(name)


def test_no_folder_is_too_large_to_find_ones_way_in():
    sizes = {}
    for path in modules():
        room = path.parent.relative_to(PACKAGE)
        sizes[room] = sizes.get(room, 0) + len(path.read_text().splitlines())
    assert not {room: n for room, n in sizes.items() if n > 2500}


def test_only_the_train_command_imports_train():
    users = [p.relative_to(PACKAGE).as_posix() for p in modules() if "train" in own(p)]
    assert [u for u in users if not u.startswith("train/")] == ["cli/train.py"]


def test_only_the_view_command_imports_view():
    users = [p.relative_to(PACKAGE).as_posix() for p in modules() if "view" in own(p)]
    assert [u for u in users if not u.startswith("view/")] == ["cli/view.py"]


def test_the_plugin_is_imported_by_its_users_alone():
    assert not [p for p in modules() if "pillow" in own(p)]


@pytest.mark.parametrize("library", ROOMS)
def test_a_library_is_imported_in_its_room_only(library):
    for path in modules():
        name = path.relative_to(PACKAGE).as_posix()
        if library in {i.split(".")[0] for i in imported(path)}:
            assert name.startswith(ROOMS[library]), f"{name} imports {library}"


def test_the_container_needs_neither_torch_nor_numpy():
    for path in (PACKAGE / "container").glob("*.py"):
        assert not {i.split(".")[0] for i in imported(path)} & {"torch", "numpy"}, path


def test_files_can_be_read_in_one_sitting():
    long = {str(p): n for p in modules() if (n := len(p.read_text().splitlines())) > 300}
    assert not long


def test_importing_the_package_imports_nothing_heavy():
    heavy = "{'torch', 'numpy', 'PIL', 'typer', 'huggingface_hub', 'safetensors'}"
    code = f"import sys, nic_cli; nic_cli.info; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


def test_nothing_in_the_package_runs_code_from_files():
    forbidden = {"eval", "exec", "compile", "__import__"}
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                assert not (name in forbidden and isinstance(node.func, ast.Name)), path
                if name == "load" and getattr(getattr(node.func, "value", None), "id", "") == "torch":
                    safe = {k.arg: getattr(k.value, "value", None) for k in node.keywords}
                    assert safe.get("weights_only") is True, path  # tensors and nothing else
        assert not {i.split(".")[0] for i in imported(path)} & {"pickle", "marshal", "shelve"}, path


# Files of the package that write in another way than `storage.atomic`, and what for.
WRITERS = {
    "storage/atomic.py",
    "bench/measure.py",  # a journal, to whose end each row is added
    "bench/programs/calls.py",  # what another program is given, in a folder that goes with it
    "train/journal.py",  # another
    "jobs/many/cluster.py",  # a copy of a descriptor, and the device that leads nowhere
    "image/rowwise.py",  # a pipe between two threads
}
# And those that read whole files in another way than `bounded`, which are no files from outside.
READERS = {
    "waiting.py",  # of /proc
    "memory.py",  # of /proc and /sys
    "extras.py",  # of the record of an installation
    "manual/__init__.py",  # of the package
    "bench/report.py",
    "bench/published.py",
    "view/server.py",
    "bench/measure.py",  # a picture that was chosen to be measured
    "train/data.py",  # and to be trained on
}


def calls(path: Path) -> set[str]:
    """What a file does to others: `write`, `read` whole."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        parts = [part for given in [*node.args, *node.keywords] for part in ast.walk(given)]
        given = [part.value for part in parts if isinstance(part, ast.Constant)]
        modes = [value for value in given if isinstance(value, str) and set(value) <= set("rwxab+t")]
        if name in ("write_bytes", "write_text"):
            found.add("write")
        if name in ("open", "fdopen") and any(set(mode) & set("wxa+") for mode in modes):
            found.add("write")
        if name in ("read_bytes", "read_text"):
            found.add("read")
    return found


def test_one_way_to_write_and_one_to_read():
    found = {path.relative_to(PACKAGE).as_posix(): calls(path) for path in modules()}
    assert {name for name, does in found.items() if "write" in does} == WRITERS
    assert {name for name, does in found.items() if "read" in does} == READERS


def test_what_writes_is_found(tmp_path):
    """Control."""
    for line in ("p.write_text('')", "p.open('wb')", "open(p, mode='a')", "os.fdopen(1, 'r+')"):
        (tmp_path / "a.py").write_text(line)
        assert calls(tmp_path / "a.py") == {"write"}, line
    (tmp_path / "a.py").write_text("p.open('rb'); Image.open(p)")
    assert calls(tmp_path / "a.py") == set()
