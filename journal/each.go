package journal

// Each calls f with every record of a bucket, in ascending order of the keys, until
// f returns an error, which comes back as it is. The value is f's to keep.
func Each(tx Tx, bucket string, f func(key string, val []byte) error) error {
	keys, err := tx.Keys(bucket)
	if err != nil {
		return err
	}
	for _, k := range keys {
		val, err := tx.Get(bucket, k)
		if err != nil {
			return err
		}
		if err := f(k, val); err != nil {
			return err
		}
	}
	return nil
}
