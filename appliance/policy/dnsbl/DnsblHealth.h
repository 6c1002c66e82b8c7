// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "shared/base/Clock.h"

#include <QtCore/QByteArray>

#include <atomic>
#include <map>
#include <mutex>

namespace portcullis::policy {

/// When a DNS list is believed.
struct DnsblHealthLimits {
    /// Between two tests of a list that passed. Range 1 min … 1 d.
    std::chrono::seconds retest = std::chrono::minutes(30);
    /// Questions in a row without an answer until the list is left out. Range 1 … 100.
    int failures = 5;
    /// How long a silent list is left out at first; doubles up to `longestPause`. Range 1 s … 1 h.
    std::chrono::seconds pause = std::chrono::seconds(60);
    /// Range 1 min … 1 d. Also how long a list that lists everybody or refuses us is left out.
    std::chrono::seconds longestPause = std::chrono::minutes(30);
};

/// Which DNS lists can be believed (attacks row F7): a list is in use only after its test point that
/// must not be listed (RFC 5782 §5: 127.0.0.1, ::FFFF:7F00:1) was found unlisted. A resolver that
/// lies, a list that lists the world since it closed down, and one that answers "you ask too much"
/// would otherwise refuse everybody's mail.
///
/// One for all threads; thread-safe. Each change of a list's state is one log line.
class DnsblHealth
{
public:
    explicit DnsblHealth(const Clock &clock, DnsblHealthLimits limits = {});
    Q_DISABLE_COPY_MOVE(DnsblHealth)

    /// What to do with a list now.
    struct Advice {
        enum class Use {
            Ask,        ///< Believe its answers.
            AskOnTest,  ///< Believe its answers if the test that goes along comes out well.
            LeaveOut    ///< It is silent, lies or refuses us; do not ask.
        };
        Use use = Use::AskOnTest;
        bool wantsTest = false;  ///< The caller shall test it now; said to one caller at a time
                                 ///< unless the answer depends on it.
    };
    [[nodiscard]] Advice advise(const QByteArray &domain);

    /// What the test points said.
    enum class TestResult {
        Good,       ///< The point that must not be listed is not.
        ListsAll,   ///< It is.
        RefusesUs,  ///< 127.255.255.0/24: the list does not serve our resolver.
        Unanswered
    };
    void noteTest(const QByteArray &domain, TestResult result);
    /// The point that must be listed (127.0.0.2) is not: a misspelt or dead list. Only a warning.
    void noteMissingTestPoint(const QByteArray &domain);

    void noteAnswer(const QByteArray &domain);   ///< It answered a client's question.
    void noteSilence(const QByteArray &domain);  ///< It did not, within the time.
    void noteRefusal(const QByteArray &domain);  ///< It answered 127.255.255.x.

    /// Changes whenever a list is found untrustworthy; what was decided before is void then.
    [[nodiscard]] quint64 generation() const { return m_generation.load(); }

private:
    enum class Trust { Untested, Tested, LeftOut };
    struct State {
        Trust trust = Trust::Untested;
        Clock::MonotonicTime until{};  ///< Tested: of the next test. LeftOut: asked again then.
        int failures = 0;
        std::chrono::seconds pause{0};  ///< The last one because of silence.
        bool isMissingLogged = false;
        const char *loggedAs = "";  ///< Why it is left out, as the log has it.
    };
    void countSilence(const QByteArray &domain, State &state);
    void leaveOut(const QByteArray &domain,
                  State &state,
                  std::chrono::seconds pause,
                  const char *id,
                  const char *hint);

    const Clock &m_clock;
    const DnsblHealthLimits m_limits;
    std::atomic<quint64> m_generation{0};
    std::mutex m_mutex;
    std::map<QByteArray, State> m_states;
};

}  // namespace portcullis::policy
