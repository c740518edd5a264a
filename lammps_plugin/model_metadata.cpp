// SPDX-License-Identifier: GPL-2.0-or-later
#include "model_metadata.h"

#include <cstddef>
#include <stdexcept>

#include "json.h"  // LAMMPS

namespace hotpp {
namespace {

using LAMMPS_NS::json;

constexpr int kFormatVersion = 2;

// One required entry, converted to its type.
template <class T>
T get(const json& object, const char* key) {
  try {
    return object.at(key).get<T>();
  } catch (const json::exception&) {
    throw std::invalid_argument("has no valid entry '" + std::string(key) +
                                "' in its metadata; export the checkpoint again with hotpp-export");
  }
}

void expect_one_of(const std::string& key, const std::string& value, const std::vector<std::string>& known) {
  std::string list;
  for (const auto& word : known) {
    if (word == value) return;
    list += (list.empty() ? "'" : ", '") + word + "'";
  }
  throw std::invalid_argument("has " + key + " '" + value +
                              "', but this version of pair_style hotpp/lr knows only " + list +
                              "; update hotpp-lr or export the model anew");
}

}  // namespace

int ModelMetadata::species_of(const std::string& element) const {
  for (std::size_t i = 0; i < elements.size(); ++i)
    if (elements[i] == element) return static_cast<int>(i);
  return -1;
}

std::string ModelMetadata::element_list() const {
  std::string list;
  for (const auto& element : elements) list += (list.empty() ? "" : " ") + element;
  return list;
}

ModelMetadata parse_metadata(const std::string& text) {
  const json object = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object() || object.value("format", "") != "hotpp-lr")
    throw std::invalid_argument(
        "is a TorchScript file, but not of hotpp-lr; export a checkpoint with hotpp-export");
  const int version = get<int>(object, "format_version");
  if (version != kFormatVersion)
    throw std::invalid_argument("has format version " + std::to_string(version) +
                                ", this pair style reads version " + std::to_string(kFormatVersion) +
                                "; export the checkpoint with the hotpp-export of the installed hotpp-lr");

  ModelMetadata model;
  model.elements = get<std::vector<std::string>>(object, "elements");
  const json energies = get<json>(object, "atomic_energies");
  for (const auto& element : model.elements)
    model.atomic_energies.push_back(get<double>(energies, element.c_str()));
  model.cutoff = get<double>(object, "cutoff");
  model.layers = get<int>(object, "layers");
  model.channels = get<int>(object, "channels");
  const auto dtype = get<std::string>(object, "dtype");
  expect_one_of("dtype", dtype, {"float32", "float64"});
  model.single_precision = dtype == "float32";
  model.electrostatics = get<std::string>(object, "electrostatics");
  expect_one_of("electrostatics", model.electrostatics, {"none", "charge", "charge+dipole"});
  if (model.has_charges()) {
    expect_one_of("boundary", get<std::string>(object, "boundary"), {"periodic"});
    model.smearing = get<double>(object, "smearing");
    // models exported before there was a choice are Gaussian
    model.kernel = object.contains("kernel") ? get<std::string>(object, "kernel") : "gaussian";
    expect_one_of("kernel", model.kernel, {"gaussian", "prolate"});
    model.order = get<int>(object, "order");
    model.accuracy = get<double>(object, "accuracy");
    model.deconvolution = get<std::string>(object, "deconvolution");
    expect_one_of("deconvolution", model.deconvolution, {"alias", "plain", "none"});
    model.total_charge = get<double>(object, "total_charge");
  }
  return model;
}

}  // namespace hotpp
