// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QtCore/QObject>
#include <QtCore/QSocketNotifier>

#include <initializer_list>
#include <memory>

namespace portcullis::daemons {

/// Unix signals as Qt signals, through a signalfd. Construct it in main() before any thread is
/// started: the signals are blocked for the whole process.
class UnixSignals final : public QObject
{
    Q_OBJECT
public:
    explicit UnixSignals(std::initializer_list<int> signalNumbers, QObject *parent = nullptr);
    ~UnixSignals() override;
    Q_DISABLE_COPY_MOVE(UnixSignals)

Q_SIGNALS:
    void received(int signalNumber);

private:
    void read();

    int m_descriptor;
    std::unique_ptr<QSocketNotifier> m_notifier;
};

}  // namespace portcullis::daemons
