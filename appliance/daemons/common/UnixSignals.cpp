// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/daemons/common/UnixSignals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>

namespace portcullis::daemons {

UnixSignals::UnixSignals(std::initializer_list<int> signalNumbers, QObject *parent)
    : QObject(parent)
{
    sigset_t set{};
    ::sigemptyset(&set);
    for (const int number : signalNumbers) {
        ::sigaddset(&set, number);
    }
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
    m_descriptor = ::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    m_notifier = std::make_unique<QSocketNotifier>(m_descriptor, QSocketNotifier::Read);
    connect(m_notifier.get(), &QSocketNotifier::activated, this, &UnixSignals::read);
}

UnixSignals::~UnixSignals()
{
    m_notifier.reset();
    ::close(m_descriptor);
}

void UnixSignals::read()
{
    signalfd_siginfo info{};
    while (::read(m_descriptor, &info, sizeof info) == sizeof info) {
        Q_EMIT received(static_cast<int>(info.ssi_signo));
    }
}

}  // namespace portcullis::daemons
