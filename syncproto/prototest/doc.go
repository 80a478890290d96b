// Package prototest is the test kit of the protocol: whole organisations with real keys, visits, feeds and changesets,
// all from one seed, and a slow reference for the way from changesets to merged records.
//
// A test of two monitors begins like this:
//
//	o := prototest.NewOrg(t, 1)
//	aru := o.Device(o.Person("Aru", syncproto.RoleMonitor, "KZ-75"))
//	dana := o.Device(o.Person("Dana", syncproto.RoleMonitor, "KZ-75"))
//	visit, opening := aru.OpenVisit("KZ-75", aru.Owner, dana.Owner)
//	answer := o.Entity()
//	first := aru.Feed(visit).Sign(prototest.Create(answer, 2100), prototest.Set(answer, 2101, "item 4"))
//	second := dana.Feed(visit).Sign(prototest.Set(answer, 2101, "item 5").Seeing(prototest.OpOf(first, 1)))
//
// Everything fails the test at once instead of returning an error, except where the error is what a test looks for.
package prototest
