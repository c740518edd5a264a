// SPDX-License-Identifier: GPL-2.0-or-later
#include "remote_rows.h"

#include "arrays.h"
#include "pme/mpi/remote_rows.h"

namespace hotpp::pme::bindings {
namespace {

using Start = void (RemoteRows::*)(const void*, void*, std::size_t);

/// send [n, columns] -> [n_received, columns]
template <class Real>
Array<Real> exchange(RemoteRows& rows, Start start, const Array<Real>& send, std::size_t n_sent,
                     std::size_t n_received) {
  const py::ssize_t columns = send.ndim() == 2 ? send.shape(1) : 0;
  expect_shape(send, {static_cast<py::ssize_t>(n_sent), columns}, "rows");
  Array<Real> received({static_cast<py::ssize_t>(n_received), columns});
  (rows.*start)(send.data(), received.mutable_data(), columns * sizeof(Real));
  rows.finish();
  return received;
}

template <class Real>
Array<Real> fill(RemoteRows& rows, const Array<Real>& border) {
  return exchange(rows, &RemoteRows::start_fill, border, rows.border().size(), rows.n_remote());
}

template <class Real>
Array<Real> give_back(RemoteRows& rows, const Array<Real>& remote) {
  return exchange(rows, &RemoteRows::start_return, remote, rows.n_remote(), rows.border().size());
}

}  // namespace

void bind_remote_rows(py::module_& m) {
  py::class_<RemoteRows>(m, "RemoteRows")
      .def(py::init([](int colour) {
             MPI_Comm part;
             MPI_Comm_split(MPI_COMM_WORLD, colour, 0, &part);
             auto rows = std::make_unique<RemoteRows>(part);
             MPI_Comm_free(&part);
             return rows;
           }),
           py::arg("colour") = 0, "Collective: among the ranks of the same colour.")
      .def(
          "request",
          [](RemoteRows& rows, const std::vector<std::pair<int, int>>& wanted) {
            std::vector<RowOwner> owners;
            for (const auto& [rank, row] : wanted) owners.push_back({rank, row});
            rows.request(owners);
          },
          py::arg("wanted"), "Collective: (rank, row) of other ranks' rows, ascending.")
      .def(
          "select",
          [](RemoteRows& rows, const std::vector<bool>& needed) {
            rows.select({needed.begin(), needed.end()});
          },
          py::arg("needed"), "Which of the wanted rows travel from now on.")
      .def_property_readonly("border", &RemoteRows::border, "Own rows that others have asked for.")
      .def("fill", &fill<double>, py::arg("border").noconvert(), "Border rows -> rows asked for.")
      .def("fill", &fill<float>, py::arg("border").noconvert())
      .def("give_back", &give_back<double>, py::arg("remote").noconvert(), "Rows asked for -> border rows.")
      .def("give_back", &give_back<float>, py::arg("remote").noconvert())
      .def_property_readonly(
          "sent", [](const RemoteRows& r) { return py::make_tuple(r.sent().messages, r.sent().bytes); },
          "(messages, bytes) to other ranks so far.");
}

}  // namespace hotpp::pme::bindings
