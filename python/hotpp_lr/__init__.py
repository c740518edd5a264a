"""hotpp-lr: interatomic potentials with learned charges and dipoles, from training to LAMMPS."""

__version__ = "0.1.0"
