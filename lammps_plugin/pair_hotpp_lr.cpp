// SPDX-License-Identifier: GPL-2.0-or-later
#include "pair_hotpp_lr.h"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "lasting_memory.h"
#include "memory.h"
#include "node_ranks.h"
#include "utils.h"
#include "warm_up.h"

using namespace LAMMPS_NS;

PairHotppLR::PairHotppLR(LAMMPS* lmp) : Pair(lmp) {
  single_enable = 0;
  restartinfo = 0;
  one_coeff = 1;
  manybody_flag = 1;
  no_virial_fdotr_compute = 1;  // the mesh part of the virial is no sum of f·r
  centroidstressflag = CENTROID_AVAIL;
  nextra = kExtra;
  pvector = new double[kExtra]();

  transport_.forward = [this](int columns) { comm->forward_comm(this, columns); };
  transport_.reverse = [this](int columns) { comm->reverse_comm(this, columns); };
  // LAMMPS makes its buffers this wide: owners of atoms, forces of a member of an ensemble.
  comm_forward = 2;
  comm_reverse = comm_reverse_off = 3;
}

PairHotppLR::~PairHotppLR() {
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
  delete[] pvector;
}

// For what the ranks do together, but each by itself. Our own classes throw one-sentence messages; if one
// rank has one (a file that its node does not see), all ranks stop with it.
void PairHotppLR::on_all_ranks(const std::function<void()>& action) {
  std::string problem;
  try {
    action();
  } catch (const LAMMPSException&) {
    throw;
  } catch (const std::exception& exception) {
    problem = exception.what();
  }
  int reporter = problem.empty() ? comm->nprocs : comm->me;
  MPI_Allreduce(MPI_IN_PLACE, &reporter, 1, MPI_INT, MPI_MIN, world);
  if (reporter == comm->nprocs) return;
  int size = static_cast<int>(problem.size());
  MPI_Bcast(&size, 1, MPI_INT, reporter, world);
  problem.resize(size);
  MPI_Bcast(problem.data(), size, MPI_CHAR, reporter, world);
  error->all(FLERR, "Pair style hotpp/lr: {}", problem);
}

// For actions in which the other ranks may be waiting for this one.
void PairHotppLR::on_this_rank(const std::function<void()>& action) {
  try {
    action();
  } catch (const LAMMPSException&) {
    throw;
  } catch (const std::exception& problem) {
    error->one(FLERR, "Pair style hotpp/lr: {}", problem.what());
  }
}

void PairHotppLR::settings(int narg, char** arg) {
  const double start = MPI_Wtime();
  const auto elements = members_.empty() ? std::vector<std::string>() : members_[0]->metadata().elements;
  members_.clear();  // a command that fails leaves no model behind, and no mixture of two
  on_all_ranks([&] {
    options_ = hotpp::parse_options(std::vector<std::string>(arg, arg + narg));
    std::vector<std::unique_ptr<hotpp::Member>> members;
    for (const auto& file : options_.models)
      members.push_back(std::make_unique<hotpp::Member>(file, options_, world));
    hotpp::check_members(members, options_);
    members_ = std::move(members);
  });
  on_all_ranks([&] { choose_device(); });
  seconds_reading_ = MPI_Wtime() - start;
  share_out_cores();
  hotpp::keep_freed_memory();
  warm_up();
  // The elements of another model may stand in another order: pair_coeff must come again.
  if (allocated && members_[0]->metadata().elements != elements)
    for (int i = 1; i <= atom->ntypes; ++i) std::fill(setflag[i] + 1, setflag[i] + atom->ntypes + 1, 0);
  exchange_.reset();
  if (comm->nprocs > 1) exchange_ = std::make_unique<hotpp::EngineExchange>(world, rows_, profile_);
  summary_printed_ = false;
  last_build_ = -1;
  outputs_.zero(atom->nlocal);  // `fix pair` asks for the arrays before the first step
}

// 'auto' takes a device only if everything that the models need is there; who names a device is told what is
// not.
void PairHotppLR::choose_device() {
  device_ = hotpp::Device::choose(options_.device, world);
  for (const auto& member : members_) {
    if (device_.is_host()) break;
    const std::string problem = member->problem_on(device_);
    if (problem.empty()) continue;
    if (options_.device.kind != "auto")
      throw std::invalid_argument("'device " + device_.name() + "' cannot run model '" + member->file() +
                                  "': " + problem +
                                  ": use 'device cpu', or install hotpp-lr again with it (pip install "
                                  "--no-build-isolation -C cmake.define.HOTPP_CUDA=ON)");
    device_ = hotpp::Device();
  }
  for (const auto& member : members_) member->move_to(device_);
  device_edges_ = device_.is_host()
                      ? nullptr
                      : std::make_unique<hotpp::DeviceEdges>(device_, members_[0]->metadata().cutoff);
}

// Every rank would use all cores of its node, and several ranks would wait for each other.
void PairHotppLR::share_out_cores() {
  if (std::getenv("OMP_NUM_THREADS")) return;
  const int ranks = hotpp::NodeRanks(world).size();
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  if (ranks > 1) members_[0]->set_threads(std::max(1, cores / ranks));
}

void PairHotppLR::warm_up() {
  const double start = MPI_Wtime();
  on_all_ranks([&] {
    for (const auto& member : members_) hotpp::warm_up(member->model());
  });
  seconds_warming_up_ = MPI_Wtime() - start;
}

void PairHotppLR::require_model() const {
  if (members_.empty())
    error->all(FLERR, "Pair style hotpp/lr has no model, because its pair_style command failed: repeat it");
}

void PairHotppLR::coeff(int narg, char** arg) {
  require_model();
  const int ntypes = atom->ntypes;
  const auto& model = members_[0]->metadata();
  const std::string remedy = fmt::format("write 'pair_coeff * *' and one of {} for each of the {} atom types",
                                         model.element_list(), ntypes);
  // LAMMPS has made sure of the two asterisks (one_coeff).
  if (narg != 2 + ntypes)
    error->all(FLERR, "Pair style hotpp/lr got {} element(s) in pair_coeff, expected {}: {}", narg - 2,
               ntypes, remedy);

  if (!allocated) {
    memory->create(setflag, ntypes + 1, ntypes + 1, "pair:setflag");
    memory->create(cutsq, ntypes + 1, ntypes + 1, "pair:cutsq");
    allocated = 1;
  }
  species_of_type_.assign(ntypes + 1, -1);
  for (int type = 1; type <= ntypes; ++type) {
    const std::string element = arg[1 + type];
    if (element == "NULL") {
      if (force->pair == this)
        error->all(
            FLERR,
            "Pair style hotpp/lr: nothing acts on atoms of type {} (NULL): give it an element, or combine "
            "pair styles, as in 'pair_style hybrid/overlay hotpp/lr {} zero 5.0'",
            type, members_[0]->file());
      continue;
    }
    species_of_type_[type] = model.species_of(element);
    if (species_of_type_[type] < 0)
      error->all(FLERR, "Pair style hotpp/lr: model '{}' does not know the element '{}' of atom type {}: {}",
                 members_[0]->file(), element, type, remedy);
  }
  for (int i = 1; i <= ntypes; ++i)
    for (int j = 1; j <= ntypes; ++j) setflag[i][j] = species_of_type_[i] >= 0 && species_of_type_[j] >= 0;
  last_build_ = -1;
}

// At the end of every run.
void PairHotppLR::finish() {
  if (!profile_.on) return;
  const auto text = profile_.report(world, exchange_ ? exchange_->take_sent() : hotpp::pme::Messages{});
  if (comm->me == 0) utils::logmesg(lmp, "\n" + text);
}

// For hotppplugin.so, which finds it by name.
extern "C" __attribute__((visibility("default"))) void* hotpp_create_pair(void* lammps) {
  return new PairHotppLR(static_cast<LAMMPS*>(lammps));
}
