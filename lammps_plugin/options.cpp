// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"

#include <cmath>
#include <cstddef>
#include <functional>
#include <map>
#include <stdexcept>

namespace hotpp {
namespace {

[[noreturn]] void fail(const std::string& sentence) { throw std::invalid_argument(sentence); }

// The values that follow a keyword, one after the other.
class Arguments {
 public:
  explicit Arguments(const std::vector<std::string>& words) : words_(words) {}
  bool empty() const { return next_ >= words_.size(); }
  const std::string& peek() const { return words_[next_]; }
  const std::string& keyword() { return keyword_ = words_[next_++]; }
  const std::string& keyword_given() const { return keyword_; }

  const std::string& value(const std::string& expected) {
    if (empty()) fail("keyword '" + keyword_ + "' needs " + expected + ", but the line ends there");
    return words_[next_++];
  }

  int integer(const std::string& expected) {
    const double number = positive(expected);
    if (number != std::floor(number)) fail(wrong(expected));
    return static_cast<int>(number);
  }

  double positive(const std::string& expected) {
    const double number = real(expected);
    if (!(number > 0)) fail(wrong(expected));
    return number;
  }

  double real(const std::string& expected) {
    const std::string& word = value(expected);
    try {
      std::size_t used = 0;
      const double number = std::stod(word, &used);
      if (used == word.size() && std::abs(number) < 1e9) return number;
    } catch (const std::exception&) {
    }
    fail(wrong(expected));
  }

  bool yes_or_no() {
    const std::string expected = "'yes' or 'no'";
    const std::string& word = value(expected);
    if (word != "yes" && word != "no") fail(wrong(expected));
    return word == "yes";
  }

  std::string wrong(const std::string& expected) const {
    return "keyword '" + keyword_ + "' needs " + expected + ", got '" + words_[next_ - 1] + "'";
  }

 private:
  const std::vector<std::string>& words_;
  std::size_t next_ = 0;
  std::string keyword_;
};

void read_accuracy(Arguments& words, Options& options) {
  const std::string expected = "a relative force error between 1e-10 and 0.1";
  options.accuracy = words.positive(expected);
  if (*options.accuracy < 1e-10 || *options.accuracy > 0.1) fail(words.wrong(expected));
}

void read_order(Arguments& words, Options& options) {
  const std::string expected = "an integer from 3 to 8";
  options.order = words.integer(expected);
  if (*options.order < 3 || *options.order > 8) fail(words.wrong(expected));
}

void read_mesh(Arguments& words, Options& options) {
  std::array<int, 3> mesh{};
  for (int& n : mesh) n = words.integer("three positive integers nx ny nz");
  options.mesh = mesh;
}

void read_precision(Arguments& words, Options& options) {
  const std::string expected = "'single' or 'double'";
  const std::string& value = words.value(expected);
  if (value != "single" && value != "double") fail(words.wrong(expected));
  options.precision = value == "single" ? Precision::Single : Precision::Double;
}

// "emulated" is for tests (csrc/device/emulated_torch.cpp).
void read_device(Arguments& words, Options& options) {
  const std::string expected = "'auto', 'cpu', 'cuda' or 'cuda:n' with n from 0";
  const std::string value = words.value(expected);
  const auto colon = value.find(':');
  const std::string kind = value.substr(0, colon);
  const bool has_index = colon != std::string::npos;
  const std::string index = has_index ? value.substr(colon + 1) : "";
  const bool is_device = kind == "cuda" || kind == "emulated";
  const bool is_index =
      !index.empty() && index.size() <= 3 && index.find_first_not_of("0123456789") == std::string::npos;
  if (has_index ? !is_device || !is_index : !is_device && kind != "auto" && kind != "cpu")
    fail(words.wrong(expected));
  options.device = {kind, has_index ? std::stoi(index) : -1};
}

void read_deviation(Arguments& words, Options& options) {
  DeviationOutput output;
  output.every = words.integer("a number of steps and a file name");
  output.file = words.value("a file name after the number of steps");
  options.deviation = output;
}

void read_selection(Arguments& words, Options& options) {
  const std::string expected = "two increasing force deviations and a file name";
  Selection selection;
  selection.low = words.real(expected);
  selection.high = words.positive(expected);
  if (selection.low < 0 || selection.high <= selection.low) fail(words.wrong(expected));
  selection.file = words.value(expected);
  options.selection = selection;
}

const std::map<std::string, std::function<void(Arguments&, Options&)>> kKeywords = {
    {"accuracy", read_accuracy},
    {"order", read_order},
    {"mesh", read_mesh},
    {"spacing",
     [](Arguments& w, Options& o) { o.spacing = w.positive("a distance of mesh points in Angstrom"); }},
    {"precision", read_precision},
    {"device", read_device},
    {"total_charge", [](Arguments& w, Options& o) { o.total_charge = w.real("a charge in e"); }},
    {"set_charges", [](Arguments& w, Options& o) { o.set_charges = w.yes_or_no(); }},
    {"set_dipoles", [](Arguments& w, Options& o) { o.set_dipoles = w.yes_or_no(); }},
    {"deviation", read_deviation},
    {"select", read_selection},
};

[[noreturn]] void fail_unknown(const std::string& keyword) {
  std::string known;
  for (const auto& entry : kKeywords) known += (known.empty() ? "" : ", ") + entry.first;
  fail("unknown keyword '" + keyword + "': expected a further model file (*.pt) or one of " + known);
}

bool is_model_file(const std::string& word) {
  return word.size() > 3 && word.compare(word.size() - 3, 3, ".pt") == 0;
}

}  // namespace

Options parse_options(const std::vector<std::string>& words) {
  if (words.empty() || kKeywords.count(words[0]))
    fail("a model file is missing: write 'pair_style hotpp/lr model.pt', with a file of hotpp-export");
  Options options;
  Arguments arguments(words);
  options.models.push_back(arguments.keyword());
  while (!arguments.empty() && is_model_file(arguments.peek())) options.models.push_back(arguments.keyword());
  while (!arguments.empty()) {
    const auto found = kKeywords.find(arguments.keyword());
    if (found == kKeywords.end()) fail_unknown(arguments.keyword_given());
    found->second(arguments, options);
  }
  if (options.mesh.has_value() + options.spacing.has_value() + options.accuracy.has_value() > 1)
    fail("'mesh', 'spacing' and 'accuracy' each decide the mesh size: give only one of these keywords");
  if ((options.deviation || options.selection) && options.models.size() < 2)
    fail("keywords 'deviation' and 'select' compare models: give at least two model files, got one");
  if (options.selection && !options.deviation)
    fail("keyword 'select' looks at the structures of keyword 'deviation': add 'deviation N file'");
  return options;
}

}  // namespace hotpp
