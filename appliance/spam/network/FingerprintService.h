// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "appliance/base/ChildProcess.h"
#include "appliance/spam/network/FingerprintWire.h"
#include "shared/base/Result.h"

#include <QtCore/QObject>
#include <QtCore/QString>
#include <QtNetwork/QLocalServer>

#include <map>
#include <memory>

namespace portcullis::spam {

class FingerprintPool;

/// A program that asks one of the networks.
struct FingerprintProgram {
    enum class Manner : quint8 {
        /// Says "ready\n", takes "<octets>\n<message>", answers with a line, and takes the next.
        Resident,
        OneAMessage,  ///< Takes a message until its end, answers, and ends.
    };
    ChildCommand command;  ///< An empty program: not there, nothing is asked.
    Manner manner = Manner::Resident;
};

struct FingerprintServiceSettings {
    std::map<FingerprintNetwork, FingerprintProgram> programs;
    FingerprintLimits limits;
    int agents = 8;  ///< Of a network at a time. The first is started at once, others when needed.
    int waiting = 100;           ///< Messages that wait for an agent; more get no answer.
    int connections = 600;       ///< As ResolverServiceLimits::connections.
    int messagesPerAgent = 500;  ///< Then it is replaced, so that a leak cannot grow for ever.
    /// Failures in a row after which the network is left alone …
    int patience = 3;
    /// … for so long, twice as long each further time, up to `longestRest`.
    std::chrono::milliseconds rest = std::chrono::seconds(10);
    std::chrono::milliseconds longestRest = std::chrono::minutes(10);
};

/// Razor and Pyzor for workers that have neither network nor the right to start programs.
///
/// Keeps the programs that know these networks running, hands them messages through a socket pair and
/// their answers back. No shell; limits of ChildLimits; no environment but what the command says. A
/// program that does not answer in time is killed; a network that fails again and again is left alone
/// for a while, so that mail does not wait for it. Failures are logged once, and once that they are over.
///
/// Lives in one thread with an event loop.
class FingerprintService final : public QObject
{
    Q_OBJECT
public:
    explicit FingerprintService(FingerprintServiceSettings settings, QObject *parent = nullptr);
    ~FingerprintService() override;

    /// Listens on `path`; a socket left behind there is replaced. Error: `fingerprints.listen` (permanent).
    Status listen(const QString &path);

    /// Processes that run for a network; for tests and status.
    [[nodiscard]] int agents(FingerprintNetwork network) const;

private:
    void acceptPending();

    FingerprintServiceSettings m_settings;
    std::map<FingerprintNetwork, std::unique_ptr<FingerprintPool>> m_pools;
    QLocalServer m_server;
    int m_connections = 0;
};

/// Whether any is there; `withRazor`: Razor's counts.
bool areFingerprintProgramsInstalled(bool withRazor);

/// The programs of this machine: Razor's agents through our driver, `pyzor`. What is not installed is
/// left out. Razor's files lie in `home`/razor, Pyzor's in `home`/pyzor; both are made here.
std::map<FingerprintNetwork, FingerprintProgram> installedFingerprintPrograms(const QString &home);

}  // namespace portcullis::spam
