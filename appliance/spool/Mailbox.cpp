// SPDX-License-Identifier: GPL-2.0-or-later
#include "appliance/spool/Mailbox.h"

#include <QtCore/QCoreApplication>
#include <QtCore/QEvent>

namespace portcullis::spool {

class Mailbox::Receiver final : public QObject
{
public:
    explicit Receiver(Mailbox &mailbox)
        : m_mailbox(mailbox)
    {
    }
    bool event(QEvent *event) override
    {
        if (event->type() != QEvent::User) {
            return QObject::event(event);
        }
        m_mailbox.deliver();
        return true;
    }

private:
    Mailbox &m_mailbox;
};

struct Mailbox::Owner {
    Owner()
        : mailbox(std::make_shared<Mailbox>())
        , receiver(*mailbox)
    {
        mailbox->m_receiver = &receiver;
    }
    ~Owner()
    {
        std::vector<Letter> unread;
        const std::scoped_lock lock(mailbox->m_mutex);
        mailbox->m_receiver = nullptr;
        unread.swap(mailbox->m_letters);
    }
    Q_DISABLE_COPY_MOVE(Owner)
    std::shared_ptr<Mailbox> mailbox;
    Receiver receiver;
};

std::shared_ptr<Mailbox> Mailbox::ofThisThread()
{
    static thread_local Owner owner;
    return owner.mailbox;
}

void Mailbox::post(QPointer<QObject> context, std::function<void()> function)
{
    const std::scoped_lock lock(m_mutex);
    if (m_receiver == nullptr) {
        return;
    }
    m_letters.push_back({std::move(context), std::move(function)});
    if (!m_isPosted) {
        m_isPosted = true;
        QCoreApplication::postEvent(m_receiver, new QEvent(QEvent::User));
    }
}

void Mailbox::deliver()
{
    std::vector<Letter> letters;
    {
        const std::scoped_lock lock(m_mutex);
        letters.swap(m_letters);
        m_isPosted = false;
    }
    for (const Letter &letter : letters) {
        if (letter.context) {
            letter.function();
        }
    }
}

}  // namespace portcullis::spool
