package node

import (
	"errors"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/wire"
)

func putItem(tx journal.Tx, it item) error {
	return tx.Put(bucketItems, it.id().Hex(), wire.Marshal(it))
}

func putMeta(tx journal.Tx, r *openRequest) error {
	return tx.Put(bucketMeta, r.id.Hex(), wire.Marshal(r.meta))
}

// deleteRequest removes a request and everything that refers to it.
func deleteRequest(tx journal.Tx, r *openRequest) error {
	err := tx.Delete(bucketMeta, r.id.Hex())
	for _, id := range r.stored() {
		err = errors.Join(err, tx.Delete(bucketItems, id.Hex()))
	}
	return err
}
