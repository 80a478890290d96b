package expr

import (
	"math"
	"math/big"
)

func fnNumber(r *run, f focus, _ *call, args []Value) (Value, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	return r.number(parseNumber(r.textOrContext(f, nil), r.zone)), nil
}

// calc makes a function of one number.
func (r *run) calc(fn func(float64) float64, args []Value) (Value, error) {
	return r.number(fn(args[0].num)), nil
}

func fnInt(r *run, _ focus, _ *call, args []Value) (Value, error)     { return r.calc(math.Trunc, args) }
func fnFloor(r *run, _ focus, _ *call, args []Value) (Value, error)   { return r.calc(math.Floor, args) }
func fnCeiling(r *run, _ focus, _ *call, args []Value) (Value, error) { return r.calc(math.Ceil, args) }
func fnAbs(r *run, _ focus, _ *call, args []Value) (Value, error)     { return r.calc(math.Abs, args) }
func fnSqrt(r *run, _ focus, _ *call, args []Value) (Value, error)    { return r.calc(math.Sqrt, args) }
func fnExp(r *run, _ focus, _ *call, args []Value) (Value, error)     { return r.calc(math.Exp, args) }
func fnLog(r *run, _ focus, _ *call, args []Value) (Value, error)     { return r.calc(math.Log, args) }
func fnLog10(r *run, _ focus, _ *call, args []Value) (Value, error)   { return r.calc(math.Log10, args) }
func fnSin(r *run, _ focus, _ *call, args []Value) (Value, error)     { return r.calc(math.Sin, args) }
func fnCos(r *run, _ focus, _ *call, args []Value) (Value, error)     { return r.calc(math.Cos, args) }
func fnTan(r *run, _ focus, _ *call, args []Value) (Value, error)     { return r.calc(math.Tan, args) }
func fnAsin(r *run, _ focus, _ *call, args []Value) (Value, error)    { return r.calc(math.Asin, args) }
func fnAcos(r *run, _ focus, _ *call, args []Value) (Value, error)    { return r.calc(math.Acos, args) }
func fnAtan(r *run, _ focus, _ *call, args []Value) (Value, error)    { return r.calc(math.Atan, args) }

func fnExp10(r *run, _ focus, _ *call, args []Value) (Value, error) {
	return r.number(math.Pow(10, args[0].num)), nil
}

func fnPow(r *run, _ focus, _ *call, args []Value) (Value, error) {
	return r.number(math.Pow(args[0].num, args[1].num)), nil
}

func fnAtan2(r *run, _ focus, _ *call, args []Value) (Value, error) {
	return r.number(math.Atan2(args[0].num, args[1].num)), nil
}

func fnPi(r *run, _ focus, _ *call, _ []Value) (Value, error) { return r.number(math.Pi), nil }

// fnRound rounds halves towards positive infinity (XPath 1.0 §4.4), to places behind the point, or before it when
// negative.
func fnRound(r *run, _ focus, _ *call, args []Value) (Value, error) {
	if len(args) < 2 {
		return r.number(roundHalfUp(args[0].num)), nil
	}
	r.steps -= 100 // arithmetic with many digits
	return r.number(roundTo(args[0].num, args[1].num)), nil
}

func roundHalfUp(f float64) float64 {
	down := math.Floor(f)
	switch {
	case math.IsNaN(f), math.IsInf(f, 0), f == down:
		return f
	case f-down < 0.5:
		return down
	}
	return math.Copysign(down+1, f)
}

// roundTo rounds the decimal digits that an author sees, and not the binary fraction behind them: 2.15 to one place
// is 2.2.
func roundTo(f, places float64) float64 {
	const most = 30 // as in JavaRosa
	places = math.Trunc(places)
	switch {
	case math.IsNaN(f), math.IsInf(f, 0):
		return f
	case !(math.Abs(places) <= most):
		return math.NaN()
	}
	exact, ok := new(big.Rat).SetString(formatNumber(f))
	if !ok {
		return math.NaN()
	}
	power := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(math.Abs(places))), nil))
	if places < 0 {
		power.Inv(power)
	}
	exact.Mul(exact, power).Add(exact, big.NewRat(1, 2))
	floor := new(big.Int).Div(exact.Num(), exact.Denom()) // Euclidean: down, for a positive divisor
	out, _ := exact.SetInt(floor).Quo(exact, power).Float64()
	return math.Copysign(out, f)
}
