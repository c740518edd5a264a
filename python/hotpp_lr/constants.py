"""Physical constants, written once for all Python code (csrc/pme/constants.h for C++)."""

#: Coulomb constant k_e in eV·Å/e² (CODATA 2018).
COULOMB_CONSTANT = 14.399645478425668
