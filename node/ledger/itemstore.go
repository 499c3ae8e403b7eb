package ledger

import (
	"errors"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// putItem stores an item.
func putItem(tx journal.Tx, it message.Item) error {
	return tx.Put(standing.BucketItems, it.ID().Hex(), wire.Marshal(it))
}

// PutMeta stores what only this device knows of a request.
func PutMeta(tx journal.Tx, r *Request) error {
	return tx.Put(standing.BucketMeta, r.ID.Hex(), wire.Marshal(r.Meta))
}

// deleteRequest removes a request and everything that refers to it.
func deleteRequest(tx journal.Tx, r *Request) error {
	err := tx.Delete(standing.BucketMeta, r.ID.Hex())
	for _, id := range r.stored() {
		err = errors.Join(err, tx.Delete(standing.BucketItems, id.Hex()))
	}
	return err
}
