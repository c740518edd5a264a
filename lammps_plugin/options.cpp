// SPDX-License-Identifier: GPL-2.0-or-later
#include "options.h"

#include <cstddef>
#include <stdexcept>

namespace hotpp {
namespace {

[[noreturn]] void fail(const std::string& sentence) { throw std::invalid_argument(sentence); }

// The values that follow a keyword, one after the other.
class Arguments {
 public:
  explicit Arguments(const std::vector<std::string>& words) : words_(words) {}
  bool empty() const { return next_ >= words_.size(); }
  const std::string& keyword() { return keyword_ = words_[next_++]; }

  const std::string& value(const std::string& expected) {
    if (empty()) fail("keyword '" + keyword_ + "' needs " + expected + ", but the line ends there");
    return words_[next_++];
  }

  int integer(const std::string& expected) {
    const double number = real(expected);
    if (number != static_cast<int>(number)) fail(wrong(expected));
    return static_cast<int>(number);
  }

  double real(const std::string& expected) {
    const std::string& word = value(expected);
    try {
      std::size_t used = 0;
      const double number = std::stod(word, &used);
      if (used == word.size() && number > 0 && number < 1e9) return number;
    } catch (const std::exception&) {
    }
    fail(wrong(expected));
  }

  std::string wrong(const std::string& expected) const {
    return "keyword '" + keyword_ + "' needs " + expected + ", got '" + words_[next_ - 1] + "'";
  }

 private:
  const std::vector<std::string>& words_;
  std::size_t next_ = 1;
  std::string keyword_;
};

}  // namespace

Options parse_options(const std::vector<std::string>& words) {
  if (words.empty())
    fail("a model file is missing: write 'pair_style hotpp/lr model.pt', with a file of hotpp-export");
  Options options;
  options.model = words[0];
  Arguments arguments(words);
  while (!arguments.empty()) {
    const std::string keyword = arguments.keyword();
    if (keyword == "accuracy") {
      const std::string expected = "a relative force error between 1e-10 and 0.1";
      options.accuracy = arguments.real(expected);
      if (*options.accuracy < 1e-10 || *options.accuracy > 0.1) fail(arguments.wrong(expected));
    } else if (keyword == "order") {
      const std::string expected = "an integer from 3 to 8";
      options.order = arguments.integer(expected);
      if (*options.order < 3 || *options.order > 8) fail(arguments.wrong(expected));
    } else if (keyword == "mesh") {
      std::array<int, 3> mesh{};
      for (int& n : mesh) n = arguments.integer("three positive integers nx ny nz");
      options.mesh = mesh;
    } else if (keyword == "precision") {
      const std::string expected = "'single' or 'double'";
      const std::string& value = arguments.value(expected);
      if (value == "single") {
        options.precision = Precision::Single;
      } else if (value == "double") {
        options.precision = Precision::Double;
      } else {
        fail(arguments.wrong(expected));
      }
    } else if (keyword == "device") {
      const std::string expected = "'auto' or 'cpu' (this version runs on CPUs only)";
      const std::string& value = arguments.value(expected);
      if (value != "auto" && value != "cpu") fail(arguments.wrong(expected));
    } else {
      fail("unknown keyword '" + keyword + "': expected accuracy, order, mesh, precision or device");
    }
  }
  if (options.mesh && options.accuracy)
    fail("'mesh' and 'accuracy' both decide the mesh size: give only one of the two keywords");
  return options;
}

}  // namespace hotpp
