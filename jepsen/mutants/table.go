package mutants

import "slices"

// Table is every mutant.
func Table() []Mutant {
	return slices.Concat(
		causalRows(), storageRows(), agreeRows(), handoffRows(), requestRows(), replicaRows(), transferRows(), exchangeRows(), governorRows(), ringRows(), clusterRows(), expiryRows(), dropRows(), fenceRows(), healRows(), reapRows(),
	)
}
