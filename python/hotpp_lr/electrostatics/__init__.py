"""Electrostatics of smeared charges and dipoles: the readable, twice differentiable reference."""
