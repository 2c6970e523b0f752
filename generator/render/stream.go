package render

import (
	"github.com/dave/jennifer/jen"

	"github.com/resilgo/resil/generator/model"
)

// tied reports whether every result that outlives the call can be tied to the
// end of its attempt's context.
func (m *method) tied() bool {
	for _, s := range m.Streams {
		if s.Tie == model.TieNone {
			return false
		}
	}
	return len(m.Streams) > 0
}

var tieNames = map[model.Tie]string{
	model.TieReadCloser: "TieReadCloser",
	model.TieResponse:   "TieResponse",
	model.TieRows:       "TieRows",
}

// tie returns the function that ties cancel to the end of the results.
func (m *method) tie(carried string) jen.Code {
	if len(m.values) == 1 {
		return m.rt(tieNames[m.Streams[0].Tie])
	}
	all, cancel := m.scope.take("answer"), m.scope.take("cancel")
	var body []jen.Code
	if n := len(m.Streams); n > 1 {
		body = append(body, jen.Id(cancel).Op("=").Add(m.rt("LastOf")).Call(jen.Lit(n), jen.Id(cancel)))
	}
	for _, s := range m.Streams {
		for _, v := range m.values {
			if v.index == s.Result {
				place := jen.Id(all).Dot(v.name)
				body = append(body, place.Clone().Op("=").Add(m.rt(tieNames[s.Tie])).Call(place, jen.Id(cancel)))
			}
		}
	}
	body = append(body, jen.Return(jen.Id(all)))
	return jen.Func().Params(jen.Id(all).Id(carried), jen.Id(cancel).Add(m.std("context", "CancelFunc"))).Id(carried).Block(body...)
}
