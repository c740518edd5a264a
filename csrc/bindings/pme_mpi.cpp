// SPDX-License-Identifier: GPL-2.0-or-later
// Python module hotpp_lr._pme_mpi: distributed plans and rows on numpy arrays, one process per rank. For
// tests and benchmarks; the LAMMPS plugin uses the C++ interface.
#include <mpi.h>
#include <pybind11/pybind11.h>

#include <memory>

#include "arrays.h"
#include "atom_strain.h"
#include "choices.h"
#include "pme/cpu/line_plan.h"
#include "pme/mpi/distributed_cluster.h"
#include "pme/mpi/distributed_plan.h"
#include "remote_rows.h"

namespace py = pybind11;
using namespace hotpp::pme;
using namespace hotpp::pme::bindings;

namespace {

void init() {
  int initialized = 0, provided = 0;
  MPI_Initialized(&initialized);
  if (!initialized) MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
}

void require_mpi() {
  int initialized = 0, finalized = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  if (!initialized || finalized)
    throw std::runtime_error("MPI is not running: call _pme_mpi.init() first, and nothing after finalize().");
}

template <class Real>
DistributedPlan<Real> make(const Settings& settings, const std::array<int, 2>& layout, int colour) {
  require_mpi();
  MPI_Comm part;
  MPI_Comm_split(MPI_COMM_WORLD, colour, 0, &part);
  struct Free {  // also when a setting is refused
    MPI_Comm* comm;
    ~Free() { MPI_Comm_free(comm); }
  } const free{&part};
  return DistributedPlan<Real>(part, settings, layout[0], layout[1]);
}

template <class Solver>
py::dict execute(Solver& plan, const Doubles& r, const Doubles& q, const std::optional<Doubles>& mu,
                 bool forces, bool strain, bool outputs) {
  const Atoms<double> atoms(r, q, mu);
  Results<double> results(atoms.size(), outputs, outputs && forces, strain);
  Output output;
  results.offer(output);
  output.want_strain = strain;
  plan.execute(atoms.size(), atoms.positions.data(), atoms.charges.data(), atoms.dipole_data(), output);
  return results.dict(output.energy, output.strain_derivative);
}

template <class Real>
py::tuple charge_mesh(DistributedPlan<Real>& plan, const Doubles& r, const Doubles& q,
                      const std::optional<Doubles>& mu) {
  const Atoms<double> atoms(r, q, mu);
  const MeshPart<Real> part =
      plan.charge_mesh(atoms.size(), atoms.positions.data(), atoms.charges.data(), atoms.dipole_data());
  Array<Real> values(
      {py::ssize_t(part.x.size()), py::ssize_t(part.y.size()), py::ssize_t(plan.settings().mesh[2])});
  std::copy(part.values.begin(), part.values.end(), values.mutable_data());
  return py::make_tuple(part.x.begin, part.y.begin, values);
}

py::dict traffic_dict(const Traffic& traffic) {
  py::dict result;
  auto add = [&](const char* name, const Messages& m) { result[name] = py::make_tuple(m.messages, m.bytes); };
  add("charge", traffic.charge);
  add("transposes", traffic.transposes);
  add("potential", traffic.potential);
  add("collectives", traffic.collectives);
  return result;
}

template <class Real>
void bind_plan(py::module_& m, const char* name) {
  using P = DistributedPlan<Real>;
  py::class_<P>(m, name)
      .def(py::init([](int order, const std::array<int, 3>& mesh, double smearing,
                       const std::string& deconvolution, bool subtract_self, const std::string& kernel,
                       const std::string& boundary, const std::array<int, 2>& layout, int colour) {
             return make<Real>(
                 settings_of(order, mesh, smearing, deconvolution, subtract_self, kernel, boundary), layout,
                 colour);
           }),
           py::arg("order"), py::arg("mesh"), py::arg("smearing"), py::arg("deconvolution") = "alias",
           py::arg("subtract_self") = true, py::arg("kernel") = "gaussian", py::arg("boundary") = "periodic",
           py::arg("layout") = std::array<int, 2>{0, 0}, py::arg("colour") = 0,
           "Collective: a plan for the ranks of the same colour; layout: rows x columns of mesh owners, (0, "
           "0): chosen.")
      .def("set_cell", &set_cell<P>, py::arg("cell"), "Lattice vectors as rows, Å, the same on all ranks.")
      .def("execute", &execute<P>, py::arg("positions"), py::arg("charges"), py::arg("dipoles") = py::none(),
           py::arg("forces") = true, py::arg("strain") = false, py::arg("outputs") = true,
           "Collective; as in _pme, for the atoms of this rank. outputs=False: nothing per atom.")
      .def("atom_strain", &atom_strain<P>, py::arg("positions"), py::arg("charges"),
           py::arg("dipoles") = py::none(), atom_strain_help)
      .def("charge_mesh", &charge_mesh<Real>, py::arg("positions"), py::arg("charges"),
           py::arg("dipoles") = py::none(),
           "Collective: (x, y, values) of this rank's part of the charge mesh, e.")
      .def_property_readonly("layout",
                             [](const P& p) { return py::make_tuple(p.layout().rows, p.layout().columns); })
      .def_property_readonly(
          "traffic", [](const P& p) { return traffic_dict(p.traffic()); },
          "(messages, bytes) that this rank sent to others in the last step, by purpose.");
}

template <class Real>
void bind_cluster(py::module_& m, const char* name) {
  using C = DistributedCluster<Real>;
  py::class_<C>(m, name)
      .def(py::init([](double smearing, const std::string& kernel, double accuracy, const std::string& method,
                       bool subtract_self) {
             require_mpi();
             return std::make_unique<C>(MPI_COMM_WORLD, Kernel::named(kernel, smearing), accuracy,
                                        subtract_self, method_of(method));
           }),
           py::arg("smearing"), py::arg("kernel") = "gaussian", py::arg("accuracy") = 1e-4,
           py::arg("method") = "auto", py::arg("subtract_self") = true,
           "Collective: open boundaries on all ranks, as Cluster of _pme.")
      .def("execute", &execute<C>, py::arg("positions"), py::arg("charges"), py::arg("dipoles") = py::none(),
           py::arg("forces") = true, py::arg("strain") = false, py::arg("outputs") = true,
           "Collective; as in _pme, for the atoms of this rank. outputs=False: nothing per atom.")
      .def("atom_strain", &atom_strain<C>, py::arg("positions"), py::arg("charges"),
           py::arg("dipoles") = py::none(), "Refused: see Cluster.")
      .def_property_readonly("order", &C::order)
      .def_property_readonly("mesh",
                             [](const C& c) { return py::make_tuple(c.mesh()[0], c.mesh()[1], c.mesh()[2]); })
      .def_property_readonly(
          "sent", [](const C& c) { return py::make_tuple(c.sent().messages, c.sent().bytes); },
          "(messages, bytes) that this rank sent to others in the last step.");
}

}  // namespace

PYBIND11_MODULE(_pme_mpi, m) {
  m.doc() = "Mesh electrostatics distributed over MPI ranks (csrc/pme/mpi). Units: eV, Å, e.";
  m.def("init", &init, "MPI_Init, unless somebody else has done it.");
  m.def("finalize", [] {
    require_mpi();
    MPI_Finalize();
  });
  m.def("rank", [] {
    require_mpi();
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return rank;
  });
  m.def("size", [] {
    require_mpi();
    int size;
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    return size;
  });
  m.def("barrier", [] {
    require_mpi();
    MPI_Barrier(MPI_COMM_WORLD);
  });
  m.def(
      "choose_layout",
      [](const std::array<int, 3>& mesh, int order, int ranks, const std::string& precision) {
        const int lanes = with_precision(precision, [](auto real) { return fft_lanes<decltype(real)>; });
        const Layout layout = choose_layout(mesh, lanes, order, ranks, 0, 0);
        return py::make_tuple(layout.rows, layout.columns);
      },
      py::arg("mesh"), py::arg("order"), py::arg("ranks"), py::arg("precision") = "double",
      "Rows and columns of mesh owners that the cost estimate chooses.");
  bind_plan<double>(m, "DistributedPlanDouble");
  bind_plan<float>(m, "DistributedPlanFloat");
  bind_cluster<double>(m, "DistributedClusterDouble");
  bind_cluster<float>(m, "DistributedClusterFloat");
  bind_remote_rows(m);
}
