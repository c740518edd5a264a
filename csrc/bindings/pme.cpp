// SPDX-License-Identifier: GPL-2.0-or-later
// Python module hotpp_lr._pme: plans on numpy arrays, and the stages of a plan one by one for tests.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cmath>
#include <optional>
#include <stdexcept>
#include <string>

#include "arrays.h"
#include "atom_strain.h"
#include "pme/accuracy.h"
#include "pme/cluster.h"
#include "pme/cpu/gather.h"
#include "pme/cpu/grid.h"
#include "pme/cpu/kernels.h"
#include "pme/cpu/sorted_atoms.h"
#include "pme/cpu/spread.h"
#include "pme/cpu/threads.h"
#include "pme/inputs.h"
#include "pme/mesh_choice.h"
#include "pme/multipoles.h"
#include "pme/plan.h"
#include "pme/splines.h"

namespace py = pybind11;
using namespace hotpp::pme;
using namespace hotpp::pme::bindings;

namespace {

ClusterMethod method_of(const std::string& name) {
  if (name == "auto") return ClusterMethod::Auto;
  if (name == "direct") return ClusterMethod::Direct;
  if (name == "mesh") return ClusterMethod::Mesh;
  throw std::invalid_argument("The method is '" + name + "': choose auto, direct or mesh.");
}

py::tuple as_tuple(const std::array<int, 3>& mesh) { return py::make_tuple(mesh[0], mesh[1], mesh[2]); }

/// What the error model may know: the number of atoms, or the atoms.
struct Structure {
  std::int64_t atoms = 0;
  std::optional<Atoms> measured;
  double rms_force = 0.0;

  Sources sources(bool dipoles) const {
    if (!measured) return Sources::assumed(atoms, dipoles);
    return Sources::measured(measured->size(), measured->positions.data(), measured->charges.data(),
                             measured->dipole_data(), rms_force);
  }
};

template <class Solver>
py::dict execute(Solver& solver, const Doubles& r, const Doubles& q, const std::optional<Doubles>& mu,
                 bool forces, bool strain) {
  const Atoms atoms(r, q, mu);
  const py::ssize_t n = atoms.size();
  Doubles potential(n), field({n, py::ssize_t(3)}), force({n, py::ssize_t(3)}), derivative({3, 3});
  Output output;
  output.potential = potential.mutable_data();
  output.field = field.mutable_data();
  output.forces = forces ? force.mutable_data() : nullptr;
  output.want_strain = strain;
  {
    const py::gil_scoped_release release;
    solver.execute(n, atoms.positions.data(), atoms.charges.data(), atoms.dipole_data(), output);
  }
  py::dict result;
  result["energy"] = output.energy;
  result["potential"] = potential;
  result["field"] = field;
  if (forces) result["forces"] = force;
  if (strain) {
    std::copy(output.strain_derivative, output.strain_derivative + 9, derivative.mutable_data());
    result["strain_derivative"] = derivative;
  }
  return result;
}

template <class Real>
void bind_cluster(py::module_& m, const char* name) {
  using C = Cluster<Real>;
  py::class_<C>(m, name)
      .def("execute", &execute<C>, py::arg("positions"), py::arg("charges"), py::arg("dipoles") = py::none(),
           py::arg("forces") = true, py::arg("strain") = false, "The same outputs as a plan.")
      .def_property_readonly("order", &C::order)
      .def_property_readonly("mesh", [](const C& c) { return as_tuple(c.mesh()); });
}

template <class Real>
void bind_plan(py::module_& m, const char* name) {
  using P = Plan<Real>;
  auto shape = [](const P& p) {
    const auto& k = p.settings().mesh;
    return std::vector<py::ssize_t>{k[0], k[1], k[2]};
  };
  py::class_<P>(m, name)
      .def(
          "set_cell",
          [](P& p, const Doubles& cell) {
            expect_shape(cell, {3, 3}, "cell");
            p.set_cell(cell.data());
          },
          py::arg("cell"), "Lattice vectors as rows, Å; cheap when unchanged.")
      .def(
          "memory",
          [](const P& p) {
            py::dict result;
            result["mesh"] = p.memory().mesh;
            result["atoms"] = p.memory().atoms;
            result["threads"] = p.memory().threads;
            return result;
          },
          "Bytes held at present: of the mesh's size, of the number of atoms, of the threads.")
      .def("execute", &execute<P>, py::arg("positions"), py::arg("charges"), py::arg("dipoles") = py::none(),
           py::arg("forces") = true, py::arg("strain") = false,
           "energy eV, potential [n] V, field [n, 3] V/Å, forces [n, 3] eV/Å, strain_derivative [3, 3] eV.")
      .def("atom_strain", &atom_strain<P>, py::arg("positions"), py::arg("charges"),
           py::arg("dipoles") = py::none(), atom_strain_help)
      .def(
          "spread",
          [shape](P& p, const Doubles& r, const Doubles& q, const std::optional<Doubles>& mu) {
            const Atoms atoms(r, q, mu);
            Array<Real> mesh(shape(p));
            p.spread_stage(atoms.size(), atoms.positions.data(), atoms.charges.data(), atoms.dipole_data(),
                           mesh.mutable_data());
            return mesh;
          },
          py::arg("positions"), py::arg("charges"), py::arg("dipoles") = py::none(),
          "Charge mesh [K1, K2, K3], e.")
      .def(
          "influence",
          [shape](const P& p) {
            auto half = shape(p);
            half[2] = half[2] / 2 + 1;
            Array<Real> influence(half);
            p.influence_stage(influence.mutable_data());
            return influence;
          },
          "Influence function [K1, K2, K3//2+1] with the prefactor 4 pi k_e / V.")
      .def(
          "potential_mesh",
          [shape](P& p, const Array<Real>& charge_mesh) {
            expect_shape(charge_mesh, shape(p), "charge_mesh");
            Array<Real> potential(shape(p));
            Doubles strain({3, 3});
            const double energy =
                p.potential_stage(charge_mesh.data(), potential.mutable_data(), strain.mutable_data());
            return py::make_tuple(potential, energy, strain);
          },
          py::arg("charge_mesh"),
          "Potential mesh V, its energy eV and strain derivative [3, 3] at fixed charge mesh.")
      .def(
          "gather",
          [shape](P& p, const Doubles& r, const Array<Real>& mesh) {
            expect_shape(mesh, shape(p), "mesh");
            const py::ssize_t n = r.ndim() == 2 ? r.shape(0) : 0;
            expect_shape(r, {n, 3}, "positions");
            Doubles derivatives({n, py::ssize_t(10)});
            p.gather_stage(n, r.data(), mesh.data(), derivatives.mutable_data());
            return derivatives;
          },
          py::arg("positions"), py::arg("mesh"),
          "[n, 10] in mesh units: potential, gradient, Hessian xx, yy, zz, xy, xz, yz.");
}

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

std::array<int, 3> mesh_of(const py::array& mesh) {
  return {static_cast<int>(mesh.shape(0)), static_cast<int>(mesh.shape(1)), static_cast<int>(mesh.shape(2))};
}

void check_multipoles(int rank, int order, const std::array<int, 3>& mesh, const Doubles& u) {
  check({order, mesh, 1.0});
  check_size({order, mesh, 1.0}, sizeof(double));
  if (rank < 0 || rank > max_rank || order < lowest_order(rank))
    throw std::invalid_argument("The rank is " + std::to_string(rank) + " and the order " +
                                std::to_string(order) +
                                ": choose a rank from 0 to 3 and an order of at least rank + 2.");
  expect_shape(u, {u.ndim() > 0 ? u.shape(0) : 0, 3}, "u");
  for (py::ssize_t i = 0; i < u.size(); ++i)
    if (!(std::abs(u.data()[i]) <= 1e9))
      throw std::invalid_argument("A mesh coordinate u is not finite or beyond 1e9 (" +
                                  std::to_string(u.data()[i]) + "): wrap them into the mesh.");
}

/// Multipoles at mesh coordinates u to a mesh without halo.
template <class Real>
Array<Real> spread_multipoles(const Doubles& u, const Array<Real>& coefficients, int rank, int order,
                              const std::array<int, 3>& points) {
  check_multipoles(rank, order, points, u);
  const py::ssize_t n = u.shape(0), c = components(rank);
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
  if (values.ndim() != 3) throw std::invalid_argument("mesh must have three dimensions, [K1, K2, K3].");
  const std::array<int, 3> points = mesh_of(values);
  check_multipoles(rank, order, points, u);
  const py::ssize_t n = u.shape(0), c = components(rank);
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

PYBIND11_MODULE(_pme, m) {
  m.doc() = "Native mesh electrostatics (csrc/pme). Units: eV, Å, e.";
  bind_plan<double>(m, "PlanDouble");
  bind_plan<float>(m, "PlanFloat");
  m.def(
      "Plan",
      [](int order, const std::array<int, 3>& mesh, double smearing, const std::string& deconvolution,
         bool subtract_self, const std::string& precision, const std::string& kernel,
         const std::string& boundary) -> py::object {
        Settings settings{order, mesh, Kernel::named(kernel, smearing), deconvolution_of(deconvolution),
                          subtract_self};
        settings.boundary = boundary_of(boundary);
        if (precision == "double") return py::cast(Plan<double>(settings));
        if (precision == "float") return py::cast(Plan<float>(settings));
        throw std::invalid_argument("The precision is '" + precision + "': choose double or float.");
      },
      py::arg("order"), py::arg("mesh"), py::arg("smearing"), py::arg("deconvolution") = "alias",
      py::arg("subtract_self") = true, py::arg("precision") = "double", py::arg("kernel") = "gaussian",
      py::arg("boundary") = "periodic", "A plan whose mesh is double or float.");
  bind_cluster<double>(m, "ClusterDouble");
  bind_cluster<float>(m, "ClusterFloat");
  m.def(
      "Cluster",
      [](double smearing, const std::string& kernel, double accuracy, const std::string& method,
         bool subtract_self, const std::string& precision) -> py::object {
        const Kernel k = Kernel::named(kernel, smearing);
        const ClusterMethod how = method_of(method);
        if (precision == "double") return py::cast(Cluster<double>(k, accuracy, subtract_self, how));
        if (precision == "float") return py::cast(Cluster<float>(k, accuracy, subtract_self, how));
        throw std::invalid_argument("The precision is '" + precision + "': choose double or float.");
      },
      py::arg("smearing"), py::arg("kernel") = "gaussian", py::arg("accuracy") = 1e-4,
      py::arg("method") = "auto", py::arg("subtract_self") = true, py::arg("precision") = "double",
      "Open boundaries: the direct sum, or a mesh (double or float) with a truncated kernel.");
  py::class_<Kernel>(m, "Kernel", "Screening of the Coulomb kernel as a function of k².")
      .def(py::init([](const std::string& name, double smearing, double tail) {
             return name == "prolate" ? Kernel::prolate(smearing, tail) : Kernel::named(name, smearing);
           }),
           py::arg("name"), py::arg("smearing"), py::arg("tail") = default_tail)
      .def("screening", py::vectorize(&Kernel::screening), py::arg("k_squared"))
      .def("screening_derivative", py::vectorize(&Kernel::screening_derivative), py::arg("k_squared"))
      .def("screening_second_derivative", py::vectorize(&Kernel::screening_second_derivative),
           py::arg("k_squared"))
      .def("at_zero", [](const Kernel& k) { return py::make_tuple(k.self_charge, k.self_dipole); })
      .def("background", &Kernel::background)
      .def_property_readonly("cutoff", [](const Kernel& k) { return std::sqrt(k.cutoff_squared); });
  m.def(
      "weights",
      [](double t, int order, const std::string& precision) -> py::array {
        if (precision == "float") return weights(static_cast<float>(t), order);
        return weights(t, order);
      },
      py::arg("t"), py::arg("order"), py::arg("precision") = "double",
      "[3, order]: weights, first and second derivatives at |t| <= 1/2.");
  m.def(
      "mesh_size",
      [](const Doubles& cell, double smearing, double accuracy, int order, const std::string& kernel,
         bool dipoles, const std::optional<Structure>& structure) {
        expect_shape(cell, {3, 3}, "cell");
        const Kernel k = Kernel::named(kernel, smearing);
        if (!structure) return as_tuple(mesh_size(cell.data(), k, accuracy, order, dipoles));
        return as_tuple(mesh_size(cell.data(), k, accuracy, order, structure->sources(dipoles)));
      },
      py::arg("cell"), py::arg("smearing"), py::arg("accuracy"), py::arg("order"),
      py::arg("kernel") = "gaussian", py::arg("dipoles") = true, py::arg("structure") = py::none(),
      "Points along a, b, c; structure: number of atoms, or (positions, charges, dipoles, rms force).");
  m.def(
      "estimated_error",
      [](const Doubles& cell, double smearing, int order, const std::array<int, 3>& mesh,
         const std::string& kernel, bool dipoles, const std::optional<Structure>& structure) {
        expect_shape(cell, {3, 3}, "cell");
        const Kernel k = Kernel::named(kernel, smearing);
        if (!structure) return estimated_error(cell.data(), k, order, mesh, dipoles);
        return estimated_error(cell.data(), k, order, mesh, structure->sources(dipoles));
      },
      py::arg("cell"), py::arg("smearing"), py::arg("order"), py::arg("mesh"), py::arg("kernel") = "gaussian",
      py::arg("dipoles") = true, py::arg("structure") = py::none(),
      "Relative rms force error expected of a mesh.");
  m.def(
      "choose",
      [](const Doubles& cell, const Structure& structure, double smearing, double accuracy,
         const std::string& kernel, bool dipoles, int lowest_order, int highest_order) {
        expect_shape(cell, {3, 3}, "cell");
        const Choice c = choose(cell.data(), Kernel::named(kernel, smearing), accuracy, dipoles,
                                structure.sources(dipoles), lowest_order, highest_order);
        return py::make_tuple(c.order, as_tuple(c.mesh), c.estimate);
      },
      py::arg("cell"), py::arg("structure"), py::arg("smearing"), py::arg("accuracy"),
      py::arg("kernel") = "gaussian", py::arg("dipoles") = true, py::arg("lowest_order") = 4,
      py::arg("highest_order") = max_order, "(order, mesh, estimated error), the cheapest.");
  py::class_<Structure>(m, "Structure", "What the error model may know of a structure.")
      .def(py::init([](std::int64_t n) {
             Structure s;
             s.atoms = n;
             return s;
           }),
           py::arg("n_atoms"))
      .def(py::init([](const Doubles& r, const Doubles& q, const std::optional<Doubles>& mu, double force) {
             Structure s;
             s.measured.emplace(r, q, mu);
             s.rms_force = force;
             return s;
           }),
           py::arg("positions"), py::arg("charges"), py::arg("dipoles") = py::none(),
           py::arg("rms_force") = 0.0);
  py::implicitly_convertible<py::int_, Structure>();
  m.def(
      "mesh_cost",
      [](std::int64_t n, int order, const std::array<int, 3>& mesh, bool dipoles) {
        return mesh_cost(n, order, mesh, dipoles);
      },
      py::arg("n_atoms"), py::arg("order"), py::arg("mesh"), py::arg("dipoles"), "Nanoseconds on one core.");
  py::class_<MeshChoice>(m, "MeshChoice", "Order and mesh, kept while the cell changes little.")
      .def(py::init([](double smearing, double accuracy, const std::string& kernel, bool dipoles,
                       std::optional<int> order, std::optional<std::array<int, 3>> mesh) {
             return MeshChoice(Kernel::named(kernel, smearing), accuracy, dipoles, order, mesh);
           }),
           py::kw_only(), py::arg("smearing"), py::arg("accuracy"), py::arg("kernel") = "gaussian",
           py::arg("dipoles") = true, py::arg("order") = py::none(), py::arg("mesh") = py::none())
      .def(
          "update",
          [](MeshChoice& c, const Doubles& cell, std::int64_t n, bool dipoles) {
            expect_shape(cell, {3, 3}, "cell");
            return c.update(cell.data(), Sources::assumed(n, dipoles));
          },
          py::arg("cell"), py::arg("n_atoms"), py::arg("dipoles") = true)
      .def_property_readonly("order", &MeshChoice::order)
      .def_property_readonly("mesh", [](const MeshChoice& c) { return as_tuple(c.mesh()); });
  m.def(
      "spread",
      [](const Doubles& u, const py::array& coefficients, int rank, int order, const std::array<int, 3>& mesh,
         const std::string& precision) -> py::array {
        if (precision == "float")
          return spread_multipoles<float>(u, coefficients.cast<Array<float>>(), rank, order, mesh);
        return spread_multipoles<double>(u, coefficients.cast<Doubles>(), rank, order, mesh);
      },
      py::arg("u"), py::arg("coefficients"), py::arg("rank"), py::arg("order"), py::arg("mesh"),
      py::arg("precision") = "double",
      "Mesh [K1, K2, K3] of multipoles [n, 1 | 4 | 10 | 20] at mesh coordinates u [n, 3], see multipoles.h.");
  m.def(
      "gather",
      [](const Doubles& u, const py::array& mesh, int rank, int order,
         const std::string& precision) -> py::array {
        if (precision == "float") return gather_multipoles<float>(u, mesh.cast<Array<float>>(), rank, order);
        return gather_multipoles<double>(u, mesh.cast<Doubles>(), rank, order);
      },
      py::arg("u"), py::arg("mesh"), py::arg("rank"), py::arg("order"), py::arg("precision") = "double",
      "Derivatives [n, 1 | 4 | 10 | 20] of a mesh at mesh coordinates u [n, 3], see multipoles.h.");
  m.def("instruction_set", &instruction_set,
        "Which version of the stencil kernels runs: portable, avx2, avx512.");
  m.def("max_threads", &max_threads);
  m.def(
      "set_num_threads",
      [](int threads) {
        if (threads < 1 || threads > 1024)
          throw std::invalid_argument("The number of threads is " + std::to_string(threads) +
                                      ": choose one from 1 to 1024.");
#ifdef _OPENMP
        omp_set_num_threads(threads);
#endif
      },
      py::arg("threads"), "Number of OpenMP threads of the following calls.");
}
