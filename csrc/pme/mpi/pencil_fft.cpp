// SPDX-License-Identifier: GPL-2.0-or-later
#include "pme/mpi/pencil_fft.h"

#include <algorithm>

namespace hotpp::pme {
namespace {

/// to[b][a] = from[a][b] for a < na, b < nb, in tiles that stay in the first cache.
template <class T>
void transpose(int na, int nb, const T* from, std::ptrdiff_t from_stride, T* to, std::ptrdiff_t to_stride) {
  constexpr int tile = 8;
  for (int a0 = 0; a0 < na; a0 += tile)
    for (int b0 = 0; b0 < nb; b0 += tile) {
      const int a1 = std::min(na, a0 + tile), b1 = std::min(nb, b0 + tile);
      for (int b = b0; b < b1; ++b)
        for (int a = a0; a < a1; ++a) to[b * to_stride + a] = from[a * from_stride + b];
    }
}

template <class Real>
std::size_t padded_lines(std::size_t lines, std::ptrdiff_t stride) {
  constexpr std::size_t batch = LineFft<Real>::batch;
  return (lines + batch - 1) / batch * batch * static_cast<std::size_t>(stride);
}

template <class Real>
void transform(const LineFft<Real>& fft, Real* lines, std::size_t count, std::ptrdiff_t stride) {
  constexpr int batch = LineFft<Real>::batch;
  const auto batches = static_cast<std::ptrdiff_t>((count + batch - 1) / batch);
#pragma omp parallel for schedule(static)
  for (std::ptrdiff_t k = 0; k < batches; ++k) fft(lines + k * batch * stride);
}

}  // namespace

template <class Real>
PencilFft<Real>::PencilFft(const Layout& layout, const Communicator& owners)
    : layout_(layout),
      x_(layout.x(owners.rank())),
      y_(layout.y(owners.rank())),
      mode_y_(layout.mode_y(owners.rank())),
      mode_z_(layout.mode_z(owners.rank())),
      z_stride_(line_stride<Real>(2 * layout.modes())),
      y_stride_(line_stride<Real>(2 * layout.mesh[1])),
      x_stride_(line_stride<Real>(2 * layout.mesh[0])),
      columns_(owners, layout.row_of(owners.rank()), layout.column_of(owners.rank())),
      rows_(owners, layout.column_of(owners.rank()), layout.row_of(owners.rank())),
      z_lines_(padded_lines<Real>(static_cast<std::size_t>(x_.size()) * y_.size(), z_stride_)),
      y_lines_(padded_lines<Real>(static_cast<std::size_t>(x_.size()) * mode_z_.size(), y_stride_)),
      x_lines_(padded_lines<Real>(static_cast<std::size_t>(mode_y_.size()) * mode_z_.size(), x_stride_)),
      z_forward_(LineKind::RealToHalfComplex, layout.mesh[2], z_stride_),
      z_backward_(LineKind::HalfComplexToReal, layout.mesh[2], z_stride_),
      y_forward_(LineKind::Forward, layout.mesh[1], y_stride_),
      y_backward_(LineKind::Backward, layout.mesh[1], y_stride_),
      x_forward_(LineKind::Forward, layout.mesh[0], x_stride_),
      x_backward_(LineKind::Backward, layout.mesh[0], x_stride_) {
  const int column = layout.column_of(owners.rank()), row = layout.row_of(owners.rank());
  for (int j = 0; j < layout.columns; ++j) {
    const int other = row * layout.columns + j;
    columns_.near_count.push_back(2 * x_.size() * y_.size() * layout.mode_z(other).size());
    columns_.far_count.push_back(2 * x_.size() * layout.y(other).size() * mode_z_.size());
  }
  for (int i = 0; i < layout.rows; ++i) {
    const int other = i * layout.columns + column;
    rows_.near_count.push_back(2 * x_.size() * mode_z_.size() * layout.mode_y(other).size());
    rows_.far_count.push_back(2 * layout.x(other).size() * mode_z_.size() * mode_y_.size());
  }
  const std::size_t buffer = std::max(columns_.resize(), rows_.resize());
  send_ = std::make_unique<AlignedArray<Real>>(buffer);
  receive_ = std::make_unique<AlignedArray<Real>>(buffer);
}

/// Begins of the blocks; returns the size of the larger buffer.
template <class Real>
std::size_t PencilFft<Real>::Transpose::resize() {
  std::size_t largest = 0;
  for (auto [count, begin] : {std::pair{&near_count, &near_begin}, std::pair{&far_count, &far_begin}}) {
    int sum = 0;
    for (int c : *count) {
      begin->push_back(sum);
      sum += c;
    }
    largest = std::max(largest, static_cast<std::size_t>(sum));
  }
  return largest;
}

template <class Real>
void PencilFft<Real>::exchange(Transpose& t, bool forward) {
  const auto& count = forward ? t.near_count : t.far_count;
  const auto& begin = forward ? t.near_begin : t.far_begin;
  const auto& other_count = forward ? t.far_count : t.near_count;
  const auto& other_begin = forward ? t.far_begin : t.near_begin;
  MPI_Alltoallv(send_->data(), count.data(), begin.data(), mpi_type(Real()), receive_->data(),
                other_count.data(), other_begin.data(), mpi_type(Real()), t.comm.get());
}

// Blocks on the way between z and y lines are [x][y][mode z], between y and x lines [mode z][x][mode y].

template <class Real>
void PencilFft<Real>::z_to_y() {
  const int nx = x_.size(), ny = y_.size(), nz = mode_z_.size();
  const auto* const z = reinterpret_cast<const Complex*>(z_lines_.data());
  auto* const y = reinterpret_cast<Complex*>(y_lines_.data());
  const std::ptrdiff_t zs = z_stride_ / 2, ys = y_stride_ / 2;
  if (layout_.columns == 1) {
#pragma omp parallel for schedule(static)
    for (int ix = 0; ix < nx; ++ix) transpose(ny, nz, z + ix * ny * zs, zs, y + ix * nz * ys, ys);
    return;
  }
  auto* const send = reinterpret_cast<Complex*>(send_->data());
  for (int j = 0; j < layout_.columns; ++j) {
    const Range part = share(layout_.modes(), layout_.columns, j);
    Complex* to = send + columns_.near_begin[j] / 2;
    for (int line = 0; line < nx * ny; ++line, to += part.size())
      std::copy_n(z + line * zs + part.begin, part.size(), to);
  }
  exchange(columns_, true);
  const auto* const receive = reinterpret_cast<const Complex*>(receive_->data());
  for (int j = 0; j < layout_.columns; ++j) {
    const Range part = share(layout_.mesh[1], layout_.columns, j);
    const Complex* from = receive + columns_.far_begin[j] / 2;
    for (int ix = 0; ix < nx; ++ix, from += part.size() * nz)
      transpose(part.size(), nz, from, nz, y + ix * nz * ys + part.begin, ys);
  }
}

template <class Real>
void PencilFft<Real>::y_to_z() {
  const int nx = x_.size(), ny = y_.size(), nz = mode_z_.size();
  auto* const z = reinterpret_cast<Complex*>(z_lines_.data());
  const auto* const y = reinterpret_cast<const Complex*>(y_lines_.data());
  const std::ptrdiff_t zs = z_stride_ / 2, ys = y_stride_ / 2;
  if (layout_.columns == 1) {
#pragma omp parallel for schedule(static)
    for (int ix = 0; ix < nx; ++ix) transpose(nz, ny, y + ix * nz * ys, ys, z + ix * ny * zs, zs);
    return;
  }
  auto* const send = reinterpret_cast<Complex*>(send_->data());
  for (int j = 0; j < layout_.columns; ++j) {
    const Range part = share(layout_.mesh[1], layout_.columns, j);
    Complex* to = send + columns_.far_begin[j] / 2;
    for (int ix = 0; ix < nx; ++ix, to += part.size() * nz)
      transpose(nz, part.size(), y + ix * nz * ys + part.begin, ys, to, nz);
  }
  exchange(columns_, false);
  const auto* const receive = reinterpret_cast<const Complex*>(receive_->data());
  for (int j = 0; j < layout_.columns; ++j) {
    const Range part = share(layout_.modes(), layout_.columns, j);
    const Complex* from = receive + columns_.near_begin[j] / 2;
    for (int line = 0; line < nx * ny; ++line, from += part.size())
      std::copy_n(from, part.size(), z + line * zs + part.begin);
  }
}

template <class Real>
void PencilFft<Real>::y_to_x() {
  const int nx = x_.size(), ny = mode_y_.size(), nz = mode_z_.size();
  const auto* const y = reinterpret_cast<const Complex*>(y_lines_.data());
  auto* const x = reinterpret_cast<Complex*>(x_lines_.data());
  const std::ptrdiff_t ys = y_stride_ / 2, xs = x_stride_ / 2;
  if (layout_.rows == 1) {
#pragma omp parallel for schedule(static)
    for (int iz = 0; iz < nz; ++iz) transpose(nx, ny, y + iz * ys, nz * ys, x + iz * xs, nz * xs);
    return;
  }
  auto* const send = reinterpret_cast<Complex*>(send_->data());
  for (int i = 0; i < layout_.rows; ++i) {
    const Range part = share(layout_.mesh[1], layout_.rows, i);
    Complex* to = send + rows_.near_begin[i] / 2;
    for (int iz = 0; iz < nz; ++iz)
      for (int ix = 0; ix < nx; ++ix, to += part.size())
        std::copy_n(y + (ix * nz + iz) * ys + part.begin, part.size(), to);
  }
  exchange(rows_, true);
  const auto* const receive = reinterpret_cast<const Complex*>(receive_->data());
  for (int i = 0; i < layout_.rows; ++i) {
    const Range part = share(layout_.mesh[0], layout_.rows, i);
    const Complex* from = receive + rows_.far_begin[i] / 2;
    for (int iz = 0; iz < nz; ++iz, from += part.size() * ny)
      transpose(part.size(), ny, from, ny, x + iz * xs + part.begin, nz * xs);
  }
}

template <class Real>
void PencilFft<Real>::x_to_y() {
  const int nx = x_.size(), ny = mode_y_.size(), nz = mode_z_.size();
  auto* const y = reinterpret_cast<Complex*>(y_lines_.data());
  const auto* const x = reinterpret_cast<const Complex*>(x_lines_.data());
  const std::ptrdiff_t ys = y_stride_ / 2, xs = x_stride_ / 2;
  if (layout_.rows == 1) {
#pragma omp parallel for schedule(static)
    for (int iz = 0; iz < nz; ++iz) transpose(ny, nx, x + iz * xs, nz * xs, y + iz * ys, nz * ys);
    return;
  }
  auto* const send = reinterpret_cast<Complex*>(send_->data());
  for (int i = 0; i < layout_.rows; ++i) {
    const Range part = share(layout_.mesh[0], layout_.rows, i);
    Complex* to = send + rows_.far_begin[i] / 2;
    for (int iz = 0; iz < nz; ++iz, to += part.size() * ny)
      transpose(ny, part.size(), x + iz * xs + part.begin, nz * xs, to, ny);
  }
  exchange(rows_, false);
  const auto* const receive = reinterpret_cast<const Complex*>(receive_->data());
  for (int i = 0; i < layout_.rows; ++i) {
    const Range part = share(layout_.mesh[1], layout_.rows, i);
    const Complex* from = receive + rows_.near_begin[i] / 2;
    for (int iz = 0; iz < nz; ++iz)
      for (int ix = 0; ix < nx; ++ix, from += part.size())
        std::copy_n(from, part.size(), y + (ix * nz + iz) * ys + part.begin);
  }
}

template <class Real>
void PencilFft<Real>::forward() {
  const std::size_t nx = x_.size(), nz = mode_z_.size();
  transform(z_forward_, z_lines_.data(), nx * y_.size(), z_stride_);
  z_to_y();
  transform(y_forward_, y_lines_.data(), nx * nz, y_stride_);
  y_to_x();
  transform(x_forward_, x_lines_.data(), mode_y_.size() * nz, x_stride_);
}

template <class Real>
void PencilFft<Real>::backward() {
  const std::size_t nx = x_.size(), nz = mode_z_.size();
  transform(x_backward_, x_lines_.data(), mode_y_.size() * nz, x_stride_);
  x_to_y();
  transform(y_backward_, y_lines_.data(), nx * nz, y_stride_);
  y_to_z();
  transform(z_backward_, z_lines_.data(), nx * y_.size(), z_stride_);
}

template <class Real>
Messages PencilFft<Real>::traffic() const {
  Messages total;
  for (const Transpose* t : {&columns_, &rows_})
    for (int k = 0; k < t->comm.size(); ++k) {
      if (k == t->comm.rank()) continue;
      for (int reals : {t->near_count[k], t->far_count[k]})
        if (reals > 0) total.add(static_cast<std::int64_t>(reals) * sizeof(Real));
    }
  return total;
}

template class PencilFft<float>;
template class PencilFft<double>;

}  // namespace hotpp::pme
