// SPDX-License-Identifier: GPL-2.0-or-later
#include "member.h"

#include <stdexcept>
#include <string>

namespace hotpp {

Member::Member(const std::string& file, const Options& options, MPI_Comm world)
    : file_(file), model_(file, options.precision) {
  if (metadata().has_charges())
    long_range_ = std::make_unique<LongRange>(metadata(), options, model_.single_precision(), world);
}

void Member::evaluate(const Edges& edges, const AtomRows& rows, std::int64_t exchange,
                      const std::vector<double>& positions, Profile& profile) {
  static const std::vector<double> none;
  {
    const Profile::Timer timer(profile, Profile::Forward);
    model_.forward(edges, edges.species, rows.n_owned, exchange);
  }
  if (long_range_) {
    const Profile::Timer timer(profile, Profile::Mesh);
    long_range_->evaluate(rows.n_owned, positions, model_.charges(), model_.dipoles());
    profile.count_mesh(long_range_->sent());
  }
  const Profile::Timer timer(profile, Profile::Backward);
  edge_gradients_ = long_range_ ? &model_.backward(long_range_->by_charge, long_range_->by_dipole)
                                : &model_.backward(none, none);
  add_isolated(rows);
}

void Member::evaluate(const DeviceEdges& edges, const AtomRows& rows, std::int64_t exchange,
                      const std::vector<double>& positions, Profile& profile) {
  on_device_->evaluate(model_, long_range_.get(), edges, rows, exchange, positions, profile);
  add_isolated(rows);
}

void Member::move_to(const Device& device) {
  model_.move_to(device);
  on_device_ = device.is_host() ? nullptr : std::make_unique<DeviceStep>(device);
  if (long_range_) long_range_->use_device(device);
}

void Member::add_isolated(const AtomRows& rows) {
  isolated_.resize(rows.n_owned);
  short_range_energy_ = 0;
  for (std::int64_t r = 0; r < rows.n_owned; ++r) {
    isolated_[r] = metadata().atomic_energies[rows.species[r]];
    short_range_energy_ += model_.energies()[r] + isolated_[r];
  }
}

double Member::energy_of_atom(std::int64_t row) const {
  return model_.energies()[row] + isolated_[row] + (long_range_ ? long_range_->atom_energy[row] : 0.0);
}

void check_members(const std::vector<std::unique_ptr<Member>>& members, const Options& options) {
  const auto& first = members[0]->metadata();
  for (const auto& member : members) {
    const auto& other = member->metadata();
    if (other.elements != first.elements)
      throw std::invalid_argument(
          "models of an ensemble must know the same elements in the same order, but '" + members[0]->file() +
          "' has " + first.element_list() + " and '" + member->file() + "' has " + other.element_list() +
          ": give models of one training set");
    if (other.cutoff != first.cutoff)
      throw std::invalid_argument("models of an ensemble must have the same cutoff, but '" +
                                  members[0]->file() + "' has " + std::to_string(first.cutoff) + " and '" +
                                  member->file() + "' has " + std::to_string(other.cutoff) +
                                  " Angstrom: train them with one configuration");
    if (other.electrostatics != first.electrostatics)
      throw std::invalid_argument(
          "models of an ensemble must have the same electrostatics, or the mean of their charges means "
          "nothing, but '" +
          members[0]->file() + "' has '" + first.electrostatics + "' and '" + member->file() + "' has '" +
          other.electrostatics + "': train them with one configuration");
  }
  // Zeros would look like a result.
  if (options.set_charges && !first.has_charges())
    throw std::invalid_argument("keyword 'set_charges' needs a model with charges, but '" +
                                members[0]->file() +
                                "' has 'electrostatics: none': remove the keyword, or give another model");
  if (options.set_dipoles && !first.has_dipoles())
    throw std::invalid_argument("keyword 'set_dipoles' needs a model with dipoles, but '" +
                                members[0]->file() + "' has 'electrostatics: " + first.electrostatics +
                                "': remove the keyword, or give another model");
}

}  // namespace hotpp
