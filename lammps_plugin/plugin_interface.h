// SPDX-License-Identifier: GPL-2.0-or-later
// The interface between LAMMPS and its plugins. LAMMPS's own lammpsplugin.h is not among the headers that its
// packages install; the layout of this structure has been the same since plugins exist (2021).
#pragma once

extern "C" {

typedef void*(lammpsplugin_factory1)(void* lammps);
typedef void*(lammpsplugin_factory2)(void* lammps, int narg, char** arg);

typedef struct {
  const char* version;
  const char* style;
  const char* name;
  const char* info;
  const char* author;
  union {
    lammpsplugin_factory1* v1;
    lammpsplugin_factory2* v2;
  } creator;
  void* handle;
} lammpsplugin_t;

typedef void (*lammpsplugin_regfunc)(lammpsplugin_t* plugin, void* lammps);
}

static_assert(sizeof(lammpsplugin_t) == 7 * sizeof(void*), "LAMMPS reads exactly this layout");
