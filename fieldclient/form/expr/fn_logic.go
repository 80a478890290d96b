package expr

import (
	"math"
	"strings"
)

func fnIf(r *run, f focus, c *call) (Value, error) {
	v, err := r.eval(c.args[0], f)
	if err != nil {
		return v, err
	}
	if v.Boolean() {
		return r.eval(c.args[1], f)
	}
	return r.eval(c.args[2], f)
}

// fnCoalesce gives the first value that is not empty; NaN is empty.
func fnCoalesce(r *run, f focus, c *call) (Value, error) {
	v, err := r.eval(c.args[0], f)
	if err != nil || v.Answer() != "" {
		return v, err
	}
	return r.eval(c.args[1], f)
}

// fnOnce keeps the answer that the question of the expression has already.
func fnOnce(r *run, f focus, c *call) (Value, error) {
	if r.origin != nil {
		if s := r.textOf(r.origin); s != "" {
			return r.text(s), nil
		}
	}
	return r.eval(c.args[0], f)
}

func fnTrue(r *run, _ focus, _ *call, _ []Value) (Value, error)  { return r.boolean(true), nil }
func fnFalse(r *run, _ focus, _ *call, _ []Value) (Value, error) { return r.boolean(false), nil }

func fnBoolean(_ *run, _ focus, _ *call, args []Value) (Value, error) { return args[0], nil }

func fnNot(r *run, _ focus, _ *call, args []Value) (Value, error) {
	return r.boolean(!args[0].yes), nil
}

func fnBooleanFromString(r *run, _ focus, _ *call, args []Value) (Value, error) {
	return r.boolean(args[0].text == "1" || strings.EqualFold(args[0].text, "true")), nil
}

// singles gives every value on its own, nodes as texts.
func (r *run) singles(args []Value) []Value {
	out := make([]Value, 0, len(args))
	for _, v := range args {
		if v.kind != Nodes {
			out = append(out, v)
			continue
		}
		for _, n := range v.nodes {
			out = append(out, r.text(r.textOf(n)))
		}
	}
	return out
}

// within says whether a sum keeps to its bounds; -1 is no bound.
func within(sum, least, most float64) bool {
	return (least == -1 || sum >= least) && (most == -1 || sum <= most)
}

func fnChecklist(r *run, _ focus, _ *call, args []Value) (Value, error) {
	count := 0.0
	for _, v := range r.singles(args[2:]) {
		if v.Boolean() {
			count++
		}
	}
	return r.boolean(within(count, args[0].num, args[1].num)), nil
}

func fnWeightedChecklist(r *run, _ focus, c *call, args []Value) (Value, error) {
	sum := 0.0
	for i := 2; i < len(args); i += 2 {
		answers, weights := r.singles(args[i:i+1]), r.singles(args[i+1:i+2])
		if len(answers) != len(weights) {
			return Value{}, fail(CodeArguments, c.args[i].at(), "here are %d answers and %d weights", len(answers), len(weights))
		}
		for j, v := range answers {
			if v.Boolean() {
				sum += weights[j].Number()
			}
		}
	}
	return r.boolean(within(sum, args[0].num, args[1].num)), nil
}

func fnSum(r *run, _ focus, _ *call, args []Value) (Value, error) {
	sum := 0.0
	for _, n := range args[0].nodes {
		if f := parseNumber(r.textOf(n), r.zone); !math.IsNaN(f) {
			sum += f // what is not answered does not count, as in JavaRosa
		}
	}
	return r.number(sum), nil
}

func fnCount(r *run, _ focus, _ *call, args []Value) (Value, error) {
	return r.number(float64(len(args[0].nodes))), nil
}

func fnCountNonEmpty(r *run, _ focus, _ *call, args []Value) (Value, error) {
	count := 0.0
	for _, n := range args[0].nodes {
		if r.textOf(n) != "" {
			count++
		}
	}
	return r.number(count), nil
}

// fnMin and fnMax leave out what is not answered, as JavaRosa does; NaN where nothing is.
func fnMin(r *run, _ focus, _ *call, args []Value) (Value, error) {
	least, _ := r.bounds(args)
	return r.number(least), nil
}

func fnMax(r *run, _ focus, _ *call, args []Value) (Value, error) {
	_, greatest := r.bounds(args)
	return r.number(greatest), nil
}

func (r *run) bounds(args []Value) (least, greatest float64) {
	least, greatest = math.NaN(), math.NaN()
	for _, v := range args {
		lo, hi := r.extremes(v)
		if !(least <= lo) && !math.IsNaN(lo) {
			least = lo
		}
		if !(greatest >= hi) && !math.IsNaN(hi) {
			greatest = hi
		}
	}
	return least, greatest
}
