// SPDX-License-Identifier: GPL-2.0-or-later
// hotppplugin.so: what LAMMPS opens whenever it starts. Registers the pair style, and opens the library that
// implements it (libhotpp_lammps.so, with torch behind it) only when an input asks for it: other runs do not
// wait for torch, and the thousands of functions that torch exports stay out of LAMMPS's global symbols
// (LAMMPS opens plugins with RTLD_GLOBAL).
#include <dlfcn.h>

#include <string>

#include "error.h"
#include "lammps.h"
#include "pair.h"
#include "plugin_interface.h"

using LAMMPS_NS::LAMMPS;

namespace {

constexpr const char* kLibrary = "libhotpp_lammps.so";

// The library lies beside this one, wherever that is.
std::string library_path() {
  Dl_info self{};
  dladdr(reinterpret_cast<void*>(&library_path), &self);
  const std::string path = self.dli_fname;
  return path.substr(0, path.find_last_of('/') + 1) + kLibrary;
}

void* create(void* lammps) {
  auto* lmp = static_cast<LAMMPS*>(lammps);
  const std::string path = library_path();
  // NODELETE: `plugin clear` and the end of LAMMPS unload plugins, which torch's static objects do not
  // survive.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  void* factory = library ? dlsym(library, "hotpp_create_pair") : nullptr;
  if (!factory)
    lmp->error->all(FLERR,
                    "Pair style hotpp/lr: cannot open '" + path + "' (" + dlerror() +
                        "): install hotpp-lr again in this environment (pip install --no-build-isolation "
                        "--force-reinstall --no-deps)");
  return reinterpret_cast<lammpsplugin_factory1*>(factory)(lammps);
}

// Classes of another LAMMPS version have another layout, and calling them corrupts memory. LAMMPS only warns,
// and a plugin that stops while it is loaded would stop every run of that LAMMPS; so this stops who asks for
// the style.
void* refuse(void* lammps) {
  auto* lmp = static_cast<LAMMPS*>(lammps);
  lmp->error->all(FLERR, "Pair style hotpp/lr was built for LAMMPS version " +
                             std::to_string(HOTPP_LAMMPS_VERSION) + ", but this is version " +
                             std::to_string(lmp->num_ver) +
                             ": install hotpp-lr again beside this LAMMPS (pip install --no-build-isolation "
                             "--force-reinstall --no-deps), or build it with -DLAMMPS_HEADER_DIR=");
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void* lammps, void* handle,
                                                                         void* regfunc) {
  auto* lmp = static_cast<LAMMPS*>(lammps);
  lammpsplugin_t plugin{};
  plugin.version = lmp->version;
  plugin.style = "pair";
  plugin.name = "hotpp/lr";
  plugin.info = "hotpp/lr pair style, hotpp-lr " HOTPP_VERSION;
  plugin.author = "The hotpp-lr developers";
  plugin.creator.v1 = lmp->num_ver == HOTPP_LAMMPS_VERSION ? &create : &refuse;
  plugin.handle = handle;
  reinterpret_cast<lammpsplugin_regfunc>(regfunc)(&plugin, lammps);
}
