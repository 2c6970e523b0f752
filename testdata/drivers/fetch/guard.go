package fetch

// resil:guard stock
type Stock interface {
	Left(sku string) (int, error)
}
