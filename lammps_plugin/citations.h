// SPDX-License-Identifier: GPL-2.0-or-later
// What LAMMPS lists at the end of a run as literature to cite.
#pragma once

namespace hotpp {

constexpr const char* kCitations =
    "pair_style hotpp/lr: https://doi.org/10.1038/s41467-024-51886-6\n\n"
    "@Article{Wang2024HotPP,\n"
    " author =  {Junjie Wang and others},\n"
    " title =   {E(n)-equivariant Cartesian tensor message passing interatomic potential},\n"
    " journal = {Nature Communications},\n"
    " volume =  15,\n"
    " pages =   7607,\n"
    " year =    2024\n"
    "}\n\n";

}  // namespace hotpp
