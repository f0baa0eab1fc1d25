# Work in the cage. This file is yours.

environment:
	@env
