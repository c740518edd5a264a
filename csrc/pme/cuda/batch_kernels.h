// SPDX-License-Identifier: GPL-2.0-or-later
// BatchDevice by the kernels of this directory; Device: launches kernels (CUDA, or emulated).
#pragma once

#include "pme/cuda/batch_device.h"
#include "pme/cuda/kernels/convert.h"
#include "pme/cuda/kernels/crowd.h"
#include "pme/cuda/kernels/gather.h"
#include "pme/cuda/kernels/locate_coordinates.h"
#include "pme/cuda/kernels/spread.h"
#include "pme/cuda/multipole_mesh.h"

namespace hotpp::pme::cuda {

template <class Real>
struct LocateAtoms {
  const BatchMesh* meshes;
  const BatchAtoms* atoms;
  MultipoleArrays<Real> arrays;
  const Real* coefficients;  ///< null for gather
  int* bins;

  HOTPP_DEVICE LocateCoordinates<Real> operator()(int s) const {
    const BatchMesh& mesh = meshes[s];
    const long long first = atoms[s].first_atom;
    const int columns = components(arrays.rank);
    return {mesh.layout,
            atoms[s].step.atoms.n,
            arrays.coordinates + 3 * first,
            arrays.sites + first,
            arrays.states + s,
            coefficients ? coefficients + columns * first : nullptr,
            columns,
            mesh.envelopes[arrays.rank].derivative_factor,
            bins ? bins + mesh.first_bin : nullptr};
  }
};

struct FindCrowds {
  const BatchMesh* meshes;
  int rank;
  const int* bins;
  State* states;

  HOTPP_DEVICE FindCrowd operator()(int s) const {
    return {meshes[s].layout, meshes[s].envelopes[rank], bins + meshes[s].first_bin, states + s};
  }
};

template <class Real, int P, int R>
struct SpreadAtoms {
  using Word = typename FixedPoint<Real>::Word;
  const BatchMesh* meshes;
  const BatchAtoms* atoms;
  const State* states;
  const Site<Real>* sites;
  const Real* coefficients;
  Word* mesh;

  HOTPP_DEVICE SpreadDirect<Real, P, R> operator()(int s) const {
    const long long first = atoms[s].first_atom;
    return {meshes[s].layout,
            &atoms[s].step,
            states + s,
            sites + first,
            coefficients + components(R) * first,
            mesh + meshes[s].first_point};
  }
};

template <class Real>
struct ConvertMeshes {
  using Word = typename FixedPoint<Real>::Word;
  const BatchMesh* meshes;
  const State* states;
  Word* words;
  Real* mesh;

  HOTPP_DEVICE Convert<Real> operator()(int s) const {
    const long long first = meshes[s].first_point;
    return {states + s, words + first, mesh + first, meshes[s].layout.size()};
  }
};

/// Epilogue of gather: derivatives as they are, NaN where a position was not finite.
template <class Real, int R>
struct StoreChecked {
  const State* state;
  StoreDerivatives<Real, R> store;

  HOTPP_DEVICE void operator()(int i, int to, const Real* d) const {
    if (state->problems == 0) return store(i, to, d);
    Real nothing[components(R)];
    for (Real& value : nothing) value = static_cast<Real>(not_a_number());
    store(i, to, nothing);
  }
};

template <class Real, int P, int R>
struct GatherAtoms {
  const BatchMesh* meshes;
  const BatchAtoms* atoms;
  const State* states;
  const Site<Real>* sites;
  const Real* mesh;
  Real* derivatives;

  HOTPP_DEVICE GatherDirect<Real, P, R, StoreChecked<Real, R>> operator()(int s) const {
    const long long first = atoms[s].first_atom;
    return {meshes[s].layout,
            &atoms[s].step,
            sites + first,
            mesh + meshes[s].first_point,
            {states + s, {derivatives + components(R) * first}}};
  }
};

template <class Real, ModePass Pass>
struct SumAllModes {
  const BatchMesh* meshes;
  Kernel kernel;
  ModeArrays<Real> arrays;
  double* partial_sums;
  int rows;

  HOTPP_DEVICE SumModes<Real, Pass> operator()(int s) const {
    return {meshes[s].layout, &kernel, arrays.at(s, meshes[s].first_mode, meshes[s].first_factor),
            partial_sums + static_cast<long long>(mode_columns) * rows * s};
  }
};

template <class Real>
struct FinishAllModes {
  const double* partial_sums;
  int rows;
  ModeArrays<Real> arrays;

  HOTPP_DEVICE FinishModes<Real> operator()(int s) const {
    return {partial_sums + static_cast<long long>(mode_columns) * rows * s, rows, arrays.at(s, 0, 0)};
  }
};

template <class Real, class Device>
class BatchKernels : public BatchDevice<Real> {
 public:
  using Word = typename FixedPoint<Real>::Word;

  explicit BatchKernels(const Device& device) : device_(device) {}

  void spread(const Batch& batch, const MultipoleArrays<Real>& arrays, const Real* coefficients, int* bins,
              Real* mesh) override {
    Word* const words = reinterpret_cast<Word*>(mesh);
    locate(batch, arrays, coefficients, bins);
    run(batch, FindCrowds{batch.meshes, arrays.rank, bins, arrays.states}, batch.most_bins,
        FindCrowd::threads);
    if (batch.most_atoms > 0)
      with_order_and_rank(batch.order, arrays.rank, [&](auto p, auto r) {
        using Make = SpreadAtoms<Real, decltype(p)::value, decltype(r)::value>;
        const Make make{batch.meshes, batch.atoms, arrays.states, arrays.sites, coefficients, words};
        run(batch, make, batch.most_atoms, PerStructure<Make>::Kernel::batch);
      });
    run(batch, ConvertMeshes<Real>{batch.meshes, arrays.states, words, mesh}, batch.most_points,
        Convert<Real>::words_per_block);
  }

  void gather(const Batch& batch, const MultipoleArrays<Real>& arrays, const Real* mesh,
              Real* derivatives) override {
    if (batch.most_atoms == 0) return;
    locate(batch, arrays, nullptr, nullptr);
    with_order_and_rank(batch.order, arrays.rank, [&](auto p, auto r) {
      using Make = GatherAtoms<Real, decltype(p)::value, decltype(r)::value>;
      const Make make{batch.meshes, batch.atoms, arrays.states, arrays.sites, mesh, derivatives};
      run(batch, make, batch.most_atoms, PerStructure<Make>::Kernel::batch);
    });
  }

  void sum_modes(const Batch& batch, ModePass pass, const Kernel& kernel, const ModeArrays<Real>& arrays,
                 double* partial_sums) override {
    if (pass == ModePass::Power) sum<ModePass::Power>(batch, kernel, arrays, partial_sums);
    if (pass == ModePass::Gradient) sum<ModePass::Gradient>(batch, kernel, arrays, partial_sums);
    if (pass == ModePass::Second) sum<ModePass::Second>(batch, kernel, arrays, partial_sums);
    if (!arrays.total && !arrays.moments) return;
    launch_per_structure(device_, FinishAllModes<Real>{partial_sums, rows(batch), arrays}, batch.structures,
                         1);
  }

 private:
  static int rows(const Batch& batch) {
    return static_cast<int>(SumModes<Real, ModePass::Power>::grid(batch.most_modes));
  }

  template <class Make>
  void run(const Batch& batch, const Make& make, long long most, int per_block) {
    launch_per_structure(device_, make, batch.structures, (most + per_block - 1) / per_block);
  }

  void locate(const Batch& batch, const MultipoleArrays<Real>& arrays, const Real* coefficients, int* bins) {
    run(batch, LocateAtoms<Real>{batch.meshes, batch.atoms, arrays, coefficients, bins}, batch.most_atoms,
        LocateCoordinates<Real>::threads);
  }

  template <ModePass Pass>
  void sum(const Batch& batch, const Kernel& kernel, const ModeArrays<Real>& arrays, double* partial_sums) {
    const SumAllModes<Real, Pass> make{batch.meshes, kernel, arrays, partial_sums, rows(batch)};
    launch_per_structure(device_, make, batch.structures, rows(batch));
  }

  Device device_;
};

}  // namespace hotpp::pme::cuda
