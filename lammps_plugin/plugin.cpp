// SPDX-License-Identifier: GPL-2.0-or-later
// hotppplugin.so: what LAMMPS opens whenever it starts. Registers the pair style, and opens the library that
// implements it (libhotpp_lammps.so, with torch behind it) only when an input asks for it: other runs do not
// wait for torch, and the thousands of functions that torch exports stay out of LAMMPS's global symbols
// (LAMMPS opens plugins with RTLD_GLOBAL).
#include <dlfcn.h>

#include <string>

#include "host_check.h"
#include "lammps.h"
#include "plugin_interface.h"

namespace {

#define HOTPP_STRING_OF(x) #x
#define HOTPP_STRING(x) HOTPP_STRING_OF(x)

constexpr const char* kLibrary = "libhotpp_lammps.so";

// The library lies beside this one, wherever that is.
std::string library_path() {
  Dl_info self{};
  dladdr(reinterpret_cast<void*>(&library_path), &self);
  const std::string path = self.dli_fname;
  return path.substr(0, path.find_last_of('/') + 1) + kLibrary;
}

// Classes of another LAMMPS version have another layout, and calling them corrupts memory. LAMMPS only warns,
// and a plugin that stops while it is loaded would stop every run of that LAMMPS; so this stops who asks for
// the style.
void* create(void* lammps) {
  const std::string problem = hotpp::host_problem(lammps);
  if (!problem.empty()) hotpp::stop(lammps, problem);
  const std::string path = library_path();
  // NODELETE: `plugin clear` and the end of LAMMPS unload plugins, which torch's static objects do not
  // survive.
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  void* factory = library ? dlsym(library, "hotpp_create_pair") : nullptr;
  if (!factory)
    hotpp::stop(lammps, "cannot open '" + path + "', which was built with torch " HOTPP_TORCH_VERSION " (" +
                            dlerror() +
                            "): install hotpp-lr again in this environment (pip install --no-build-isolation "
                            "--force-reinstall --no-deps)");
  return reinterpret_cast<lammpsplugin_factory1*>(factory)(lammps);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void lammpsplugin_init(void* lammps, void* handle,
                                                                         void* regfunc) {
  lammpsplugin_t plugin{};
  // LAMMPS compares this with its own. Of another version not even the place of the string is known.
  plugin.version = hotpp::is_our_version(lammps) ? static_cast<LAMMPS_NS::LAMMPS*>(lammps)->version
                                                 : "number " HOTPP_STRING(HOTPP_LAMMPS_VERSION);
  plugin.style = "pair";
  plugin.name = "hotpp/lr";
  plugin.info = "hotpp/lr pair style, hotpp-lr " HOTPP_VERSION;
  plugin.author = "The hotpp-lr developers";
  plugin.creator.v1 = &create;
  plugin.handle = handle;
  reinterpret_cast<lammpsplugin_regfunc>(regfunc)(&plugin, lammps);
}
