// SPDX-License-Identifier: GPL-2.0-or-later
// Weights, spread and gather by themselves, on multipoles of any rank in mesh units.
#include <cmath>

#include "arrays.h"
#include "choices.h"
#include "pme/cpu/gather.h"
#include "pme/cpu/grid.h"
#include "pme/cpu/sorted_atoms.h"
#include "pme/cpu/spread.h"
#include "pme/splines.h"
#include "pme_parts.h"

namespace hotpp::pme::bindings {
namespace {

template <class Real>
Array<Real> weights(Real t, int order) {
  check({order, {order, order, order}, 1.0});
  if (!(std::abs(t) <= Real(0.5)))
    throw std::invalid_argument("t is " + std::to_string(t) +
                                ": give the distance to the middle of the stencil, from -1/2 to 1/2.");
  Array<Real> result({3, order});
  with_order(order, [&](auto o) {
    constexpr int P = decltype(o)::value, W = padded_order(P);
    Real w[3][W];
    spline_weights<P, 0, W>(t, w[0]);
    spline_weights<P, 1, W>(t, w[1]);
    spline_weights<P, 2, W>(t, w[2]);
    for (int d = 0; d < 3; ++d) std::copy(w[d], w[d] + P, result.mutable_data(d, 0));
  });
  return result;
}

/// Number of atoms, after all that a spread or gather is given has been checked.
py::ssize_t check_arguments(int rank, int order, const std::array<int, 3>& mesh, const Doubles& u) {
  check_multipoles(rank, order, mesh);
  const py::ssize_t n = expect_coordinates(u);
  for (py::ssize_t i = 0; i < u.size(); ++i)
    if (!(std::abs(u.data()[i]) <= 1e9))
      throw std::invalid_argument("A mesh coordinate u is not finite or beyond 1e9 (" +
                                  std::to_string(u.data()[i]) + "): wrap them into the mesh.");
  return n;
}

/// Multipoles at mesh coordinates u to a mesh without halo.
template <class Real>
Array<Real> spread_multipoles(const Doubles& u, const Array<Real>& coefficients, int rank, int order,
                              const std::array<int, 3>& points) {
  const py::ssize_t n = check_arguments(rank, order, points, u), c = components(rank);
  expect_shape(coefficients, {n, c}, "coefficients");
  const Grid<Real> grid(points, order);
  AlignedArray<Real> mesh(grid.size());
  SortedAtoms<Real> atoms(points, order);
  atoms.assign(n, u.data());
  std::vector<Real> sorted(n * c);
  for (py::ssize_t i = 0; i < n; ++i)
    std::copy_n(coefficients.data() + c * atoms.original(i), c, sorted.data() + c * i);
  spread(grid, atoms, rank, sorted.data(), mesh.data());
  Array<Real> result({points[0], points[1], points[2]});
  for (py::ssize_t row = 0; row < py::ssize_t(points[0]) * points[1]; ++row)
    std::copy_n(mesh.data() + row * grid.row, points[2], result.mutable_data() + row * points[2]);
  return result;
}

/// The adjoint.
template <class Real>
Array<Real> gather_multipoles(const Doubles& u, const Array<Real>& values, int rank, int order) {
  const std::array<int, 3> points = mesh_of(values);
  const py::ssize_t n = check_arguments(rank, order, points, u), c = components(rank);
  const Grid<Real> grid(points, order);
  AlignedArray<Real> mesh(grid.size());
  for (py::ssize_t row = 0; row < py::ssize_t(points[0]) * points[1]; ++row)
    std::copy_n(values.data() + row * points[2], points[2], mesh.data() + row * grid.row);
  for (int x = 0; x < points[0]; ++x) fill_halo(grid, x, mesh.data());
  SortedAtoms<Real> atoms(points, order);
  atoms.assign(n, u.data());
  std::vector<Real> sorted(n * c);
  gather(grid, atoms, mesh.data(), rank, sorted.data());
  Array<Real> result({n, c});
  for (py::ssize_t i = 0; i < n; ++i)
    std::copy_n(sorted.data() + c * i, c, result.mutable_data() + c * atoms.original(i));
  return result;
}

}  // namespace

void bind_stencils(py::module_& m) {
  m.def(
      "weights",
      [](double t, int order, const std::string& precision) -> py::array {
        return with_precision(precision, [&](auto real) -> py::array {
          return weights(static_cast<decltype(real)>(t), order);
        });
      },
      py::arg("t"), py::arg("order"), py::arg("precision") = "double",
      "[3, order]: weights, first and second derivatives at |t| <= 1/2.");
  m.def(
      "spread",
      [](const Doubles& u, const py::array& coefficients, int rank, int order, const std::array<int, 3>& mesh,
         const std::string& precision) -> py::array {
        return with_precision(precision, [&](auto real) -> py::array {
          using Real = decltype(real);
          return spread_multipoles<Real>(u, coefficients.cast<Array<Real>>(), rank, order, mesh);
        });
      },
      py::arg("u"), py::arg("coefficients"), py::arg("rank"), py::arg("order"), py::arg("mesh"),
      py::arg("precision") = "double",
      "Mesh [K1, K2, K3] of multipoles [n, 1 | 4 | 10 | 20] at mesh coordinates u [n, 3], see multipoles.h.");
  m.def(
      "gather",
      [](const Doubles& u, const py::array& mesh, int rank, int order,
         const std::string& precision) -> py::array {
        return with_precision(precision, [&](auto real) -> py::array {
          using Real = decltype(real);
          return gather_multipoles<Real>(u, mesh.cast<Array<Real>>(), rank, order);
        });
      },
      py::arg("u"), py::arg("mesh"), py::arg("rank"), py::arg("order"), py::arg("precision") = "double",
      "Derivatives [n, 1 | 4 | 10 | 20] of a mesh at mesh coordinates u [n, 3], see multipoles.h.");
}

}  // namespace hotpp::pme::bindings
