package tenant

import (
	"context"
	"net/url"
	"time"

	"github.com/tollgate/tollgate/services/core"
)

// errDevice is the one answer to a user code that is unknown, decided on or too old.
func errDevice() error {
	return core.Errorf(core.CodeNotFound, "no sign-in waits under this code: it is mistyped, was decided on, or is older than 10 minutes")
}

// errDeviceExpired is the one answer to a device code that is unknown, used or too old.
func errDeviceExpired() error {
	return core.Errorf(core.CodeDeviceExpired, "the device code does not work (any more): it was used, or is older than 10 minutes; begin again")
}

// BeginDevice begins the sign-in of a command line on a machine.
func (s *Service) BeginDevice(ctx context.Context, host string) (*NewDevice, error) {
	if err := checkHost(host); err != nil {
		return nil, err
	}
	client := core.ActorFrom(ctx).Client
	if err := s.try(ctx, slowDevice, slowDevice.key(clientKey(client))); err != nil {
		return nil, err
	}
	secret, code, now := newSecret(), newUserCode(), s.clock()
	err := s.store.Tx(ctx, func(tx Tx) error {
		n, err := tx.CountDevices(ctx, now)
		if err != nil {
			return err
		}
		if n >= maxDevices {
			e := core.Errorf(core.CodeUnavailable, "too many sign-ins wait to be allowed; a management token works meanwhile")
			e.RetryAfter = time.Minute
			return e
		}
		return tx.InsertDevice(ctx, &DeviceLogin{
			DeviceHash: s.linkHash(linkDevice, secret), UserHash: s.linkHash(linkDeviceCode, code),
			Host: host, Client: client, Poll: devicePoll, NextPollAt: now,
			ExpiresAt: now.Add(deviceLasts), CreatedAt: now,
		})
	})
	if err != nil {
		return nil, err
	}
	return &NewDevice{
		DeviceCode: secret, UserCode: showUserCode(code), URL: s.base + "/device", Lasts: deviceLasts, Poll: devicePoll,
	}, nil
}

// CompleteURL is the page's address with the code in it.
func (n *NewDevice) CompleteURL() string { return n.URL + "?code=" + url.QueryEscape(n.UserCode) }

// Device shows a signed-in user the sign-in that waits under a code. Who guesses
// codes is slowed down.
// The code comes back as it is shown: XXXX-XXXX.
func (s *Service) Device(ctx context.Context, userID, typed string) (d DeviceLogin, shown string, err error) {
	key := slowDeviceCode.key(userID)
	if err := s.try(ctx, slowDeviceCode, key); err != nil {
		return DeviceLogin{}, "", err
	}
	code, ok := readUserCode(typed)
	if !ok {
		return DeviceLogin{}, "", errDevice()
	}
	d, err = view(ctx, s, func(r Rows) (DeviceLogin, error) {
		return r.FindDeviceByCode(ctx, s.linkHash(linkDeviceCode, code), s.clock())
	})
	if core.CodeOf(err) == core.CodeNotFound || err == nil && d.Decision != "" {
		return DeviceLogin{}, "", errDevice()
	}
	if err != nil {
		return DeviceLogin{}, "", err
	}
	// A code that was right is no guess.
	return d, showUserCode(code), s.takeBack(ctx, key)
}

// AllowDevice lets the command line that waits under a code have a token of the
// user in an organization. Whether the user may hand the scopes on is the
// caller's table.
func (s *Service) AllowDevice(ctx context.Context, org core.OrganizationID, userID, typed string, grant DeviceGrant) error {
	d, _, err := s.Device(ctx, userID, typed)
	if err != nil {
		return err
	}
	if err := grant.validate(&d, s.clock()); err != nil {
		return err
	}
	return s.decideDevice(ctx, org, userID, &d, deviceAllowed, grant)
}

// DenyDevice refuses the command line that waits under a code.
func (s *Service) DenyDevice(ctx context.Context, org core.OrganizationID, userID, typed string) error {
	d, _, err := s.Device(ctx, userID, typed)
	if err != nil {
		return err
	}
	return s.decideDevice(ctx, org, userID, &d, deviceDenied, DeviceGrant{})
}

func (s *Service) decideDevice(ctx context.Context, org core.OrganizationID, userID string, seen *DeviceLogin, decision string, grant DeviceGrant) error {
	return s.store.Tx(ctx, func(tx Tx) error {
		d, err := tx.FindDevice(ctx, seen.DeviceHash)
		if core.CodeOf(err) == core.CodeNotFound || err == nil && (d.Decision != "" || !s.clock().Before(d.ExpiresAt)) {
			return errDevice()
		}
		if err != nil {
			return err
		}
		action := "device.deny"
		if decision == deviceAllowed {
			action = "device.allow"
			// Said here, where a person can do something about it.
			if err := s.roomForToken(ctx, tx, org); err != nil {
				return err
			}
		}
		d.Decision, d.Organization, d.UserID = decision, org, userID
		d.Scopes, d.TokenExpiresAt = grant.Scopes, grant.ExpiresAt
		if err := tx.UpdateDevice(ctx, &d); err != nil {
			return err
		}
		return tx.Record(ctx, org, core.Change{
			Action: action, ResourceType: "device", ResourceName: d.TokenName(),
			Detail: map[string]any{"host": d.Host, "client": d.Client, "scopes": d.Scopes},
		})
	})
}

// CollectDevice answers the command line's token once a person has allowed it,
// and uses the device code up. Before that it is CodeDevicePending; CodeDeviceSlow
// when it is asked too often (each time slower, with the new pace as RetryAfter);
// CodeDeviceDenied, and CodeDeviceExpired for a code that is unknown, used or too
// old. The token is made here, so that its secret is never kept.
func (s *Service) CollectDevice(ctx context.Context, deviceCode string) (*DeviceToken, error) {
	key := slowDevicePoll.key(clientKey(core.ActorFrom(ctx).Client))
	hash := s.linkHash(linkDevice, deviceCode)
	_, err := view(ctx, s, func(r Rows) (DeviceLogin, error) { return r.FindDevice(ctx, hash) })
	if core.CodeOf(err) == core.CodeNotFound {
		if err := s.try(ctx, slowDevicePoll, key); err != nil {
			return nil, err
		}
		return nil, errDeviceExpired()
	}
	if err != nil {
		return nil, err
	}
	var out *DeviceToken
	var answer error // of a transaction that is kept
	err = s.store.Tx(ctx, func(tx Tx) error {
		out, answer = nil, nil
		d, err := tx.FindDevice(ctx, hash)
		if core.CodeOf(err) == core.CodeNotFound {
			answer = errDeviceExpired()
			return nil
		}
		if err != nil {
			return err
		}
		now := s.clock()
		switch {
		case !now.Before(d.ExpiresAt):
			answer = errDeviceExpired()
			return tx.DeleteDevice(ctx, hash)
		case now.Before(d.NextPollAt):
			d.Poll = min(devicePollMax, d.Poll+devicePoll)
			d.NextPollAt = now.Add(d.Poll)
			e := core.Errorf(core.CodeDeviceSlow, "asked too often: wait %s between two tries", d.Poll)
			e.RetryAfter = d.Poll
			answer = e
			return tx.UpdateDevice(ctx, &d)
		case d.Decision == "":
			d.NextPollAt = now.Add(d.Poll)
			answer = core.Errorf(core.CodeDevicePending, "nobody has allowed this sign-in yet")
			return tx.UpdateDevice(ctx, &d)
		}
		if err := tx.DeleteDevice(ctx, hash); err != nil {
			return err // of two who collect at once, one
		}
		if d.Decision == deviceAllowed {
			out, err = s.deviceToken(ctx, tx, &d)
		}
		if core.CodeOf(err) == core.CodeNotFound || err == nil && out == nil {
			out, answer = nil, core.Errorf(core.CodeDeviceDenied, "the sign-in was denied")
			return nil
		}
		return err
	})
	if err == nil {
		err = answer
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// deviceToken makes the token that a person allowed, if the person is still a
// member; else it is CodeNotFound.
func (s *Service) deviceToken(ctx context.Context, tx Tx, d *DeviceLogin) (*DeviceToken, error) {
	if _, err := tx.FindMemberByUser(ctx, d.Organization, d.UserID); err != nil {
		return nil, err
	}
	u, err := tx.FindUser(ctx, d.UserID)
	if err != nil {
		return nil, err
	}
	o, err := tx.FindOrganization(ctx, d.Organization)
	if err != nil {
		return nil, err
	}
	t, err := s.newToken(TokenInput{Name: d.TokenName(), Scopes: d.Scopes, ExpiresAt: d.TokenExpiresAt})
	if err != nil {
		return nil, err
	}
	t.Organization, t.UserID = d.Organization, d.UserID
	if err := s.storeToken(as(ctx, &u), tx, &t.Token); err != nil {
		return nil, err
	}
	return &DeviceToken{NewToken: *t, OrganizationName: o.Name}, nil
}
