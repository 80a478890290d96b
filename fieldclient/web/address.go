package web

import (
	"kua/fieldclient"
	"kua/syncproto"
)

// scopeOf reads the visit that an address names.
func (a *ask) scopeOf() (syncproto.ScopeID, error) {
	id, err := syncproto.ParseScopeID(a.PathValue("visit"))
	if err != nil {
		return id, errNoPage
	}
	return id, nil
}

// recordOf reads the record of a kind that an address names as {KIND}, in the visit that it names.
func (a *ask) recordOf(kind string) (fieldclient.View, error) {
	scope, err := a.scopeOf()
	if err != nil {
		return fieldclient.View{}, err
	}
	id, err := syncproto.ParseEntityID(a.PathValue(kind))
	if err != nil {
		return fieldclient.View{}, errNoPage
	}
	v, err := a.client.Record(a.Context(), scope, id)
	if err == nil && v.Kind != kind {
		err = fieldclient.ErrNotFound
	}
	return v, err
}

// visitRecord reads what a page of one record begins with: the visit with its rail, part marked in it, and the record of a
// kind that the address names.
func (a *ask) visitRecord(part, kind string) (VisitPage, fieldclient.View, error) {
	p, err := a.visit(part)
	if err != nil {
		return p, fieldclient.View{}, err
	}
	v, err := a.recordOf(kind)
	return p, v, err
}
