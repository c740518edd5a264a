// SPDX-License-Identifier: GPL-2.0-or-later
// Compiled, not yet run on a device.
#include "pme/cuda/transforms.h"

#include <dlfcn.h>

#include <cstdlib>
#include <stdexcept>
#include <type_traits>

namespace hotpp::pme::cuda {
namespace {

/// The part of cuFFT's C interface that is used here; the same since CUDA 6.5.
struct Library {
  using Result = int;
  using Handle = int;
  Result (*get_version)(int*);
  Result (*plan_many)(Handle*, int rank, int* n, int* inembed, int istride, int idist, int* onembed,
                      int ostride, int odist, int type, int batch);
  Result (*set_stream)(Handle, void* stream);
  Result (*r2c)(Handle, void*, void*);
  Result (*c2r)(Handle, void*, void*);
  Result (*d2z)(Handle, void*, void*);
  Result (*z2d)(Handle, void*, void*);
  Result (*destroy)(Handle);
  static constexpr int type_r2c = 0x2a, type_c2r = 0x2c, type_d2z = 0x6a, type_z2d = 0x6c;

  Library() {
    const char* const chosen = std::getenv("HOTPP_CUFFT");
    void* handle = nullptr;
    std::string reasons;
    for (const char* name : {chosen, "libcufft.so.12", "libcufft.so.11", "libcufft.so"}) {
      if (!name || (chosen && name != chosen)) continue;
      handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
      if (handle) break;
      reasons += std::string(" ") + dlerror() + ";";
    }
    if (!handle)
      throw std::runtime_error(
          "cuFFT was not found:" + reasons +
          " install it (`pip install nvidia-cufft`), or name its file in the environment "
          "variable HOTPP_CUFFT.");
    const auto find = [&](auto& function, const char* name) {
      void* const symbol = dlsym(handle, name);
      if (!symbol) throw std::runtime_error(std::string("cuFFT has no function ") + name + ": " + dlerror());
      function = reinterpret_cast<std::decay_t<decltype(function)>>(symbol);
    };
    find(get_version, "cufftGetVersion");
    find(plan_many, "cufftPlanMany");
    find(set_stream, "cufftSetStream");
    find(r2c, "cufftExecR2C");
    find(c2r, "cufftExecC2R");
    find(d2z, "cufftExecD2Z");
    find(z2d, "cufftExecZ2D");
    find(destroy, "cufftDestroy");
  }
};

const Library& library() {
  static const Library instance;
  return instance;
}

void check(int status, const char* what) {
  if (status != 0)
    throw std::runtime_error(std::string("cuFFT, ") + what + ": error " + std::to_string(status) +
                             " (cufftResult).");
}

}  // namespace

Transforms::Transforms(const Layout& layout, bool single) : single_(single) {
  int n[3] = {layout.points[0], layout.points[1], layout.points[2]};
  int real[3] = {n[0], n[1], layout.row}, half[3] = {n[0], n[1], layout.modes()};
  const Library& cufft = library();
  const int size = layout.size();
  constexpr const char* what = "making a plan (is there enough device memory?)";
  check(cufft.plan_many(&forward_, 3, n, real, 1, size, half, 1, size / 2,
                        single ? Library::type_r2c : Library::type_d2z, 1),
        what);
  check(cufft.plan_many(&backward_, 3, n, half, 1, size / 2, real, 1, size,
                        single ? Library::type_c2r : Library::type_z2d, 1),
        what);
}

Transforms::~Transforms() {
  if (forward_ != -1) library().destroy(forward_);
  if (backward_ != -1) library().destroy(backward_);
}

void Transforms::set_stream(void* stream) {
  check(library().set_stream(forward_, stream), "choosing a stream");
  check(library().set_stream(backward_, stream), "choosing a stream");
}

void Transforms::forward(void* mesh) {
  check((single_ ? library().r2c : library().d2z)(forward_, mesh, mesh), "forward transform");
}

void Transforms::backward(void* mesh) {
  check((single_ ? library().c2r : library().z2d)(backward_, mesh, mesh), "backward transform");
}

int cufft_version() {
  int version = 0;
  check(library().get_version(&version), "asking for the version");
  return version;
}

}  // namespace hotpp::pme::cuda
