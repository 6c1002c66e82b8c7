// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/policy/dnsbl/DnsblHealth.h"

#include "appliance/base/Log.h"

#include <algorithm>
#include <utility>

namespace portcullis::policy {

namespace {

/// A test whose end nobody reported counts as forgotten after this.
constexpr auto longestTest = std::chrono::seconds(60);

void logList(log::Severity severity, const char *id, const QByteArray &domain, const char *hint)
{
    log::write(severity, id, {}, {{"list", domain}, {"hint", hint}});
}

}  // namespace

DnsblHealth::DnsblHealth(const Clock &clock, DnsblHealthLimits limits)
    : m_clock(clock)
    , m_limits(limits)
{
}

DnsblHealth::Advice DnsblHealth::advise(const QByteArray &domain)
{
    const auto now = m_clock.monotonic();
    const std::scoped_lock lock(m_mutex);
    State &state = m_states[domain];
    if (state.trust == Trust::LeftOut) {
        if (now < state.until) {
            return {Advice::Use::LeaveOut, false};
        }
        state.trust = Trust::Untested;
    }
    if (state.trust == Trust::Untested) {
        return {Advice::Use::AskOnTest, true};
    }
    if (now < state.until) {
        return {Advice::Use::Ask, false};
    }
    state.until = now + longestTest;
    return {Advice::Use::Ask, true};
}

void DnsblHealth::noteTest(const QByteArray &domain, TestResult result)
{
    const std::scoped_lock lock(m_mutex);
    State &state = m_states[domain];
    switch (result) {
    case TestResult::Good:
        if (*std::exchange(state.loggedAs, "") != '\0') {
            logList(log::Severity::Notice, "dnsbl.list-restored", domain, "it is asked again");
        }
        state.trust = Trust::Tested;
        state.until = m_clock.monotonic() + m_limits.retest;
        state.failures = 0;
        state.pause = {};
        break;
    case TestResult::ListsAll:
        ++m_generation;
        leaveOut(domain, state, m_limits.longestPause, "dnsbl.lists-everybody",
                 "it lists 127.0.0.1, or the resolver invents answers; not used until it stops");
        break;
    case TestResult::RefusesUs:
        leaveOut(domain, state, m_limits.longestPause, "dnsbl.refuses-us",
                 "it does not serve this resolver; use a resolver of your own, or subscribe");
        break;
    case TestResult::Unanswered:
        countSilence(domain, state);
        break;
    }
}

void DnsblHealth::noteMissingTestPoint(const QByteArray &domain)
{
    const std::scoped_lock lock(m_mutex);
    if (!std::exchange(m_states[domain].isMissingLogged, true)) {
        logList(log::Severity::Warning, "dnsbl.test-point-missing", domain,
                "it does not list 127.0.0.2 as DNS lists do; is the name right?");
    }
}

void DnsblHealth::noteAnswer(const QByteArray &domain)
{
    const std::scoped_lock lock(m_mutex);
    m_states[domain].failures = 0;
}

void DnsblHealth::noteSilence(const QByteArray &domain)
{
    const std::scoped_lock lock(m_mutex);
    countSilence(domain, m_states[domain]);
}

void DnsblHealth::noteRefusal(const QByteArray &domain)
{
    noteTest(domain, TestResult::RefusesUs);
}

void DnsblHealth::countSilence(const QByteArray &domain, State &state)
{
    if (state.trust == Trust::LeftOut || ++state.failures < m_limits.failures) {
        return;
    }
    // The next time a single silence is enough: it is known to be silent.
    state.failures = m_limits.failures - 1;
    state.pause = std::clamp(state.pause * 2, m_limits.pause, m_limits.longestPause);
    leaveOut(domain, state, state.pause, "dnsbl.list-silent",
             "it does not answer; left out for a while so that mail does not wait for it");
}

void DnsblHealth::leaveOut(const QByteArray &domain,
                           State &state,
                           std::chrono::seconds pause,
                           const char *id,
                           const char *hint)
{
    // Checks that began earlier report the same again, and so does each failed attempt later.
    if (QByteArrayView(std::exchange(state.loggedAs, id)) != QByteArrayView(id)) {
        logList(log::Severity::Warning, id, domain, hint);
    }
    const auto until = m_clock.monotonic() + pause;
    state.until = state.trust == Trust::LeftOut ? std::max(state.until, until) : until;
    state.trust = Trust::LeftOut;
}

}  // namespace portcullis::policy
