"""How LAMMPS finds the plugin."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest
from hotpp_lr import lammps as hotpp_lammps

DECK = "info styles pair\n"


def test_the_plugin_is_where_lammps_is_told_to_look(lammps_installed):
    assert (Path(hotpp_lammps.plugin_directory()) / hotpp_lammps.PLUGIN).exists()


def test_the_entry_point_never_raises(monkeypatch):
    """An exception would break `import lammps` for everybody who has this package installed."""

    def broken(*_):
        raise RuntimeError("broken installation")

    monkeypatch.setattr(importlib.metadata, "files", broken)
    monkeypatch.setattr(Path, "exists", broken)
    assert isinstance(hotpp_lammps.plugin_directory(), str)


@pytest.mark.parametrize("library", ["hotppplugin.so", "libhotpp_lammps.so", "libhotpp_ops.so"])
def test_libraries_hold_no_paths_of_the_machine_that_built_them(lammps_installed, library):
    """In a wheel such paths are those of another machine: at best useless in messages, at worst the wrong libraries."""
    content = (Path(hotpp_lammps.plugin_directory()) / library).read_bytes()
    for path in (Path(__file__).parents[2], Path(sys.prefix)):
        assert str(path).encode() not in content


def test_lmp_loads_the_plugin_by_itself(lammps_installed, tmp_path):
    entry_points = importlib.metadata.entry_points(group="lammps.plugins")
    if not any(e.value.startswith("hotpp_lr.") for e in entry_points):
        pytest.skip("hotpp-lr is used from its source tree: entry points exist only after installation")
    (tmp_path / "in.deck").write_text(DECK)
    lmp = "from lammps.executable import lmp; lmp()"
    command = [sys.executable, "-c", lmp, "-in", "in.deck", "-log", "none"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0
    assert "hotpp/lr" in result.stdout.split("Pair styles:")[1]
    assert "libtorch" not in result.stdout + result.stderr


def test_plugin_load_with_a_path_and_clear(run_deck):
    """`plugin clear` closes the library while torch's objects are alive."""
    path = Path(hotpp_lammps.plugin_directory()) / hotpp_lammps.PLUGIN
    result = run_deck(f'plugin unload pair hotpp/lr\nplugin load "{path}"\nplugin list\nplugin clear\n')
    assert result.returncode == 0, result.stdout
    assert "1: pair style plugin hotpp/lr" in result.stdout
