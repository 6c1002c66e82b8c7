// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Transaction.h"

namespace portcullis::spool {

void Transaction::append(const QByteArray &id, Action action)
{
    m_changes.push_back({id, std::move(action)});
}

void Transaction::add(Entry entry)
{
    m_contentBytes += entry.content.size();
    ++m_added;
    auto shared = std::make_shared<Entry>(std::move(entry));
    const QByteArray id = shared->id;
    append(id, Add{std::move(shared), {}});
}

void Transaction::addWithContentOf(Entry entry, const QByteArray &existingId)
{
    ++m_added;
    entry.content = {};
    auto shared = std::make_shared<Entry>(std::move(entry));
    const QByteArray id = shared->id;
    append(id, Add{std::move(shared), existingId});
}

void Transaction::recordAttempt(const QByteArray &id, Attempt attempt)
{
    append(id, SetAttempt{std::move(attempt)});
}

void Transaction::setDelayReported(const QByteArray &id, int recipient)
{
    append(id, SetDelayReported{recipient});
}

void Transaction::setNextAttempt(const QByteArray &id, Clock::WallTime time, QByteArray reason)
{
    append(id, SetNextAttempt{time, std::move(reason)});
}

void Transaction::beginFilterAttempt(const QByteArray &id)
{
    append(id, CountFilterAttempt{false});
}

void Transaction::cancelFilterAttempt(const QByteArray &id)
{
    append(id, CountFilterAttempt{true});
}

void Transaction::moveTo(const QByteArray &id, Stage stage)
{
    append(id, MoveTo{stage});
}

void Transaction::setNote(const QByteArray &id, QByteArray note)
{
    append(id, SetNote{std::move(note)});
}

void Transaction::addHistory(const QByteArray &id, Clock::WallTime time, QByteArray text)
{
    append(id, AddHistory{{time, std::move(text)}});
}

void Transaction::hold(const QByteArray &id, QByteArray reason)
{
    append(id, Hold{std::move(reason)});
}

void Transaction::release(const QByteArray &id)
{
    append(id, Release{});
}

void Transaction::remove(const QByteArray &id)
{
    append(id, Remove{});
}

}  // namespace portcullis::spool
